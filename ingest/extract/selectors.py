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
_OWN = re.compile(  # what a predicate may hold that looks at nothing but the element itself
    r"@[\w-]+|self::\w+|\b(?:or|and)\b|\b(?:re:test|contains|starts-with|translate)\b|[\[\](),|=\s]"
)
_ELEMENT = re.compile(r"self::(\w+)")
_MOST = 1 << 15  # answers that are kept
_LONGEST = 500  # characters of attributes, for the answer to be kept


class Remembered:
    """Stands in for an XPath ``.//*[...]`` whose predicates look at the element alone."""

    def __init__(self, path: str) -> None:
        from lxml.etree import XPath  # noqa: PLC0415 - heavy

        self._one = XPath(path.strip().replace(".//*", "self::*", 1), namespaces=_NAMESPACES)
        self._names = frozenset(_ATTRIBUTE.findall(_LITERAL.sub("", path)))
        self._said: dict[tuple[object, ...], bool] = {}

    def __call__(self, tree: _Element) -> list[_Element]:
        """Elements below ``tree`` that match, in document order."""
        return [e for e in tree.iterdescendants("*") if e.attrib and self._says(e)]

    def _says(self, element: _Element) -> bool:
        """Whether an element matches; the order of attributes is what ``@id|@class`` goes by."""
        own = [pair for pair in element.items() if pair[0] in self._names]
        if not own:
            return False
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
    """Replace the expressions in the lists of a module that can be replaced."""
    from lxml.etree import XPath  # noqa: PLC0415 - heavy

    for value in vars(module).values():
        if isinstance(value, list):
            value[:] = [_remembered(x) if isinstance(x, XPath) else x for x in value]


def _remembered(expression: Any) -> Any:
    """The expression, or what stands in for it where its predicates allow that."""
    path = expression.path.strip()
    rest = _LITERAL.sub("", path.removeprefix(".//*"))
    if not path.startswith(".//*[") or _OWN.sub("", rest):
        return expression
    return expression if _takes_bare(path) else Remembered(path)


def _takes_bare(path: str) -> bool:
    """Whether it matches elements without attributes, which are never asked about."""
    from lxml.etree import Element, SubElement, XPath  # noqa: PLC0415 - heavy

    root = Element("root")
    for tag in {"x", *_ELEMENT.findall(path)}:
        SubElement(root, tag)
    return bool(XPath(path, namespaces=_NAMESPACES)(root))
