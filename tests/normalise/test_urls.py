"""Addresses: one spelling for one page, never one for two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise.urls import canonical_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://User:Word@Example.ORG:443/A/b?x=1#top", "https://example.org/A/b?x=1"),
        ("http://example.org:80", "http://example.org/"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("https://example.org/a?utm_source=x&b=2&fbclid=3&a=1", "https://example.org/a?b=2&a=1"),
        ("https://example.org/a?id=7&ref=&source=web", "https://example.org/a?id=7&ref=&source=web"),
        ("https://example.org/app#!/page/3", "https://example.org/app#!/page/3"),
        ("https://web.archive.org/web/2007/http://a.example//b", "https://web.archive.org/web/2007/http://a.example//b"),
        ("https://example.org/straße%20x y", "https://example.org/stra%C3%9Fe%20xy"),
        ("https://xn--bcher-kva.example/", "https://bücher.example/"),
        (" https://example.org/a\n", "https://example.org/a"),
        ("ftp://example.org/a", "ftp://example.org/a"),
        ("https://", ""),
        ("http://[broken/", ""),
        ("no address", ""),
        ("", ""),
        ("https://example.org/" + "a" * 5000, ""),
    ],
)  # fmt: skip
def test_examples(url: str, expected: str) -> None:
    assert canonical_url(url) == expected


@given(
    st.text(max_size=60)
    | st.from_regex(r"https?://[a-z.:@0-9]{1,20}(/[ -~é]{0,20})?", fullmatch=True)
)
def test_twice_is_once_and_nothing_raises(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once
