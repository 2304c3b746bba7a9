"""XPath expressions that remember what they said of a tag with certain attributes.

trafilatura asks of every element whether its class or id is one of hundreds that stand for
furniture, by regular expressions called from XPath: a tenth of an extraction.  Elements of
a page, and pages of a site, have most of their tags and classes in common.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from lxml.etree import _Element

_NAMESPACES = {"re": "http://exslt.org/regular-expressions"}
_ATTRIBUTE = re.compile(r"@([\w-]+)")
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_PREDICATE = re.compile(r"\[([^\[\]]*)\]")
_DESCENDANTS = re.compile(r"\s*\.//(?:\*|\w+)\s*(?:\|\s*\.//(?:\*|\w+)\s*)*")
_OWN = re.compile(  # what a predicate may hold that looks at nothing but the element itself
    r"@[\w-]+|self::\w+|\b(?:or|and)\b|\b(?:re:test|contains|starts-with|translate)\b|[(),|=\s]"
)
_MOST = 1 << 15  # answers that are kept
_LONGEST = 500  # characters of attributes, for the answer to be kept


class Remembered:
    """Stands in for an XPath of descendants whose predicates look at the element alone."""

    def __init__(self, path: str) -> None:
        from lxml.etree import XPath  # noqa: PLC0415 - heavy

        self._one = XPath(path.replace(".//", "self::"), namespaces=_NAMESPACES)
        self._names = frozenset(_ATTRIBUTE.findall(_LITERAL.sub("", path)))
        self._said: dict[tuple[object, ...], bool] = {}

    def __call__(self, tree: _Element) -> list[_Element]:
        """Elements below ``tree`` that match, in document order."""
        return [e for e in tree.iterdescendants("*") if self._says(e)]

    def _says(self, element: _Element) -> bool:
        """Whether an element matches; the order of attributes is what ``@id|@class`` goes by."""
        own = [pair for pair in element.items() if pair[0] in self._names]
        key = (element.tag, *own)
        said = self._said.get(key)
        if said is None:
            said = bool(self._one(element))
            if sum(len(value) for _, value in own) <= _LONGEST:
                if len(self._said) >= _MOST:
                    self._said.clear()
                self._said[key] = said
        return said


def remember(module: ModuleType) -> None:
    """Replace the expressions of a module, and those in its lists, that can be replaced."""
    for name, value in list(vars(module).items()):
        if isinstance(value, list):
            value[:] = map(_remembered, value)
        elif (replaced := _remembered(value)) is not value:
            setattr(module, name, replaced)


def _remembered(value: Any) -> Any:
    """The value, or what stands in for an expression that calls regular expressions."""
    from lxml.etree import XPath  # noqa: PLC0415 - heavy

    replaced = isinstance(value, XPath) and "re:test" in value.path and _looks_at_itself(value.path)
    return Remembered(value.path) if replaced else value


def _looks_at_itself(path: str) -> bool:
    """Whether an XPath asks of each descendant nothing but its tag and attributes."""
    rest = _LITERAL.sub("", path)
    if rest.count(".//") != path.count(".//"):  # one in a literal would not be told apart
        return False
    asked = "".join(_PREDICATE.findall(rest))
    return bool(_DESCENDANTS.fullmatch(_PREDICATE.sub("", rest))) and not _OWN.sub("", asked)
