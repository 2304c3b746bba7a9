from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.etree import XPath
from lxml.html import HtmlElement, fromstring

from ingest.extract import selectors
from ingest.extract.library import trafilatura
from ingest.extract.selectors import Remembered, remember

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMESPACES = {"re": "http://exslt.org/regular-expressions"}
PATHS = [
    ".//*[self::div or self::p][re:test(@class, 'foo|^bar') or contains(@id, 'nav')]",
    "\n .//*[re:test(@id|@class, 'foo') or @hidden or starts-with(@style, 'display:none')]\n",
    ".//*[contains(translate(@role, 'N', 'n'), 'nav') or @class='a' and @id='b']",
    ".//span|.//p[contains(@class|@id, 'oo')] | .//*[re:test(@style, 'none')]",
    ".//*[re:test(@class, '^$')]",
]
VALUE = st.sampled_from(["", "foo", "bar foo", "Nav", "nav", "a", "b", "display:none"])
NAMES = st.permutations(["class", "id", "role", "style", "hidden", "href"])


@st.composite
def trees(draw: st.DrawFn) -> HtmlElement:
    page = ""
    for _ in range(draw(st.integers(1, 8))):
        names = draw(NAMES)[: draw(st.integers(0, 3))]
        attributes = "".join(f' {name}="{draw(VALUE)}"' for name in names)
        page += f"<{draw(st.sampled_from(['div', 'p', 'span']))}{attributes}>x"
    return fromstring(f"<html><body>{page}</body></html>")


@settings(max_examples=150, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=3), st.sampled_from(PATHS))
def test_the_same_elements_are_found_in_the_same_order(trees: Sequence[HtmlElement], path: str):
    plain, remembered = XPath(path, namespaces=NAMESPACES), Remembered(path)
    for tree in [*trees, *trees]:
        assert remembered(tree) == plain(tree)


def test_the_order_of_attributes_counts_as_it_does_in_an_xpath():
    tree = fromstring("<body>" + '<p id="foo" class="a">x</p><p class="a" id="foo">x</p>' * 2)
    plain, remembered = XPath(PATHS[1], namespaces=NAMESPACES), Remembered(PATHS[1])
    assert len(plain(tree)) == 2
    assert remembered(tree) == plain(tree)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selectors, "_MOST", 3)
    monkeypatch.setattr(selectors, "_LONGEST", 20)
    found = Remembered(PATHS[0])
    values = ["foo", "b", "c", "d", "foo " * 9, "e"]
    tree = fromstring("<body>" + "".join(f'<p class="{value}">x</p>' for value in values))
    assert [e.get("class") for e in found(tree)] == ["foo", "foo " * 9]
    assert len(found._said) <= 3
    assert all(len(value) <= 20 for _, (_, value) in found._said)


@pytest.mark.parametrize(
    "path",
    [
        ".//*[re:test(../@class, 'foo')]",
        ".//*[ancestor::div[re:test(@class, 'foo')]]",
        ".//*[re:test(@class, 'foo') and not(@id)]",
        ".//*[contains(., 'foo') or re:test(@class, 'foo')]",
        ".//*[re:test(@class, 'foo')][1]",
        ".//*[position() = last() and re:test(@class, 'foo')]",
        ".//*[.//p and re:test(@class, 'foo')]",
        ".//*[.//p[re:test(@class, 'foo')]]",
        ".//*[re:test(@class, './/')]",
        ".//*[re:test(@class, 'foo')]/p",
        "(.//*[re:test(@class, 'foo')])[1]",
        "//*[re:test(@class, 'foo')]",
        ".//*[@class='foo']",  # is fast as it is
    ],
)
def test_an_expression_that_looks_further_is_left_alone(path: str):
    expression = XPath(path, namespaces=NAMESPACES)
    module = ModuleType("module")
    vars(module)["PATHS"] = [expression, "text"]
    vars(module)["PATH"] = expression
    remember(module)
    assert vars(module)["PATHS"] == [expression, "text"]
    assert vars(module)["PATH"] is expression


def test_the_costliest_expressions_of_trafilatura_are_replaced():
    trafilatura()
    replaced = import_module("trafilatura.xpaths").OVERALL_DISCARD_XPATH
    assert all(isinstance(x, Remembered) for x in replaced)
    assert isinstance(import_module("trafilatura.baseline").BASIC_CLEAN_XPATH, Remembered)
