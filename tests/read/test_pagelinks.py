"""Links and canonical addresses in pages as they are, and in pages that mean harm."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise.urls import canonical_url
from ingest.read.pagelinks import PageLinks, Resolver, page_links

URL = "http://x.org/dir/page"


def found(page: str | bytes, media_type: str = "text/html") -> PageLinks:
    content = page.encode() if isinstance(page, str) else page
    return page_links(content, media_type, URL, Resolver(canonical_url))


def links(page: str | bytes, media_type: str = "text/html") -> list[str]:
    return [link.removeprefix("http://x.org") for link in found(page, media_type).links]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<a href=/a>x</a><a href='b'>y<A HREF=\"../c\">", ["/a", "/dir/b", "/c"]),
        ("<a class=x data-href=/no title='a > b' href = /a >", ["/a"]),
        ('<a title="href=/no" href=/a><a title=\'<a href="/no">\' href=/b>', ["/a", "/no"]),
        ("<a href='/a'\n  id=x/><area alt='' href=/b><abbr href=/no>", ["/a", "/b"]),
        ("<a\thref=/c>", ["/c"]),
        ("<a href=/a?x=1&amp;y=2&region=3&#47;>", ["/a?x=1&y=2&region=3/"]),
        ("<!-- <a href=/no> --><a href=/a><!-- <a href=/no>", ["/a"]),
        ("<script>x='<a href=/no>'</script><style><a href=/no></STYLE ><a href=/a>", ["/a"]),
        ("<a href=/a><a href=/a#part><a href=/b rel='nofollow noopener'><a href=/c.PDF?x>", ["/a"]),
        ("<a href=''><a href><a href='   '><a>", []),
        ("<a href=javascript:x()><a href=mailto:me@x.org><a href=data:,x><a href=//[bad>", []),
        ("<base href=/deep/><base href=/no/><a href=a>", ["/deep/a"]),
        ("<a href=/a<a href=/b>", ["/b"]),
        ("<a href='/a", []),
    ],
)  # fmt: skip
def test_links(page: str, expected: list[str]) -> None:
    assert links(page) == expected


def test_links_in_other_charsets() -> None:
    page = "<a href='/Ærø'>"
    assert links(page.encode("latin-1"), "text/html; charset=iso-8859-1") == ["/%C3%86r%C3%B8"]
    assert links(b"<meta charset=latin-1>" + page.encode("latin-1")) == ["/%C3%86r%C3%B8"]
    assert links(page.encode("utf-16")) == ["/%C3%86r%C3%B8"]
    assert links(page.encode(), "text/html; charset=nonsense") == ["/%C3%86r%C3%B8"]
    assert links(page.encode("latin-1")) == ["/%C3%86r%C3%B8"]


def test_what_is_no_html_has_no_links() -> None:
    assert found("<a href=/a>", "text/plain") == PageLinks()
    assert links("<a href=/a>", "application/xhtml+xml") == ["/a"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("<link rel=canonical href=/own>", "http://x.org/own"),
        ("<link rel='x CANONICAL' href='own?a=1&amp;utm_source=x'>", "http://x.org/dir/own?a=1"),
        ("<link rel=canonical href=/1><link rel=canonical href=/2>", "http://x.org/1"),
        ("<link rel=stylesheet href=/own>", ""),
        ("<link rel=canonical href=/>", ""),
        ("<link rel=canonical href='/?page=1'>", "http://x.org/?page=1"),
        ("<link rel=canonical href='ftp://x.org/'>", ""),
    ],
)
def test_the_canonical_address(head: str, expected: str) -> None:
    assert found(head).canonical == expected


@pytest.mark.parametrize(
    "page",
    [
        b"<div>" * 200_000,
        b"<a href=x>" * 100_000,
        b"<a " + b" ".join(b"b%d=1" % n for n in range(120_000)) + b">",
        b"<a " + b"b=1 " * 250_000,
        b"<a href='" * 100_000,
        b"<a \"'" * 200_000,
        b"<!--" * 250_000,
        b"<script>" * 120_000,
        b"<a href=" + b"&" * 1_000_000 + b">",
        b"<a " + b" " * 1_000_000,
        b"<a " + b"=" * 1_000_000 + b">",
        b"<a href='" + b"x" * 1_000_000 + b"'>",
        b"".join(b"<a href=/%d>" % n for n in range(25_000)),
    ],
)
def test_a_page_that_means_harm_takes_no_longer_than_another(page: bytes) -> None:
    began = time.process_time()
    assert len(found(page).links) <= 20_000
    assert time.process_time() - began < 4


@given(
    st.lists(
        st.sampled_from(["<a ", "href=", "/x", "'", '"', ">", "<", "<!--", "-->", " ", "&#", ";"])
    )
)
def test_any_page_gives_addresses_of_the_web(pieces: list[str]) -> None:
    assert all(link.startswith("http://x.org/") for link in found("".join(pieces)).links)
