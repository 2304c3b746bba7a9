"""Listing folders: one order on every machine, and globs as the standard library has them."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.read.walk import Found, Selection, _compiled, excluded, readable, split_glob, walk

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.text("ab-.0é/", min_size=1, max_size=8).filter(
    lambda name: all(part and not part.startswith(".") for part in name.split("/"))
)
TREE = ["a.txt", "b.md", "a/1.txt", "a/2.md", "a/b/1.txt", "a/b/c/1.txt", "b/a.txt", "b/[x].txt"]


@given(st.sets(NAMES, max_size=12))
def test_the_order_is_bytewise_by_the_whole_path(tmp_path_factory: Any, names: Any):
    root = tmp_path_factory.mktemp("tree")
    made = []
    for name in sorted(names):
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch(exist_ok=False)
            made.append(name)
        except OSError:
            continue  # one name is the folder of another
    found = [seen.name for seen in walk(str(root), Selection(include=("*",)))]
    assert found == sorted(made, key=str.encode)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: Any):
    root = tmp_path_factory.mktemp("tree")
    for name in TREE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@given(
    st.lists(
        st.sampled_from(
            [
                "*",
                "**",
                "a",
                "?",
                "[ab]",
                "[!a]",
                "*.txt",
                "1.*",
                "[[]x].txt",
                "[]a]",
                "[!]b]",
                "[a-c]",
            ]
        ),
        min_size=1,
        max_size=4,
    )
)
def test_globs_match_what_the_standard_library_matches(tree: Any, parts: Any):
    pattern = "/".join(parts)
    wanted = glob.glob(pattern, root_dir=tree, recursive=True)  # noqa: PTH207 - it is the model
    assert {name for name in TREE if _compiled(pattern)(name)} == {
        name for name in wanted if (tree / name).is_file()
    }


@pytest.mark.parametrize(
    ("path", "root", "pattern"),
    [
        ("/a/b/*.txt", "/a/b", "*.txt"),
        ("/*/x", "/", "*/x"),
        ("a*/b", ".", "a*/b"),
        ("/a/[b]/c/d", "/a", "[b]/c/d"),
    ],
)
def test_the_root_of_a_glob(path: Any, root: Any, pattern: Any):
    assert split_glob(path) == (root, pattern)


def test_a_pattern_with_a_slash_is_for_the_whole_path():
    assert excluded(("old",), "news/old/1.txt")
    assert excluded(("news/old",), "news/old/1.txt")
    assert not excluded(("old/x",), "news/old/x")
    assert not excluded((), "old")


def test_a_range_that_cannot_be_stands_for_itself():
    assert excluded(("[z-a].txt",), "[z-a].txt")
    assert not excluded(("[z-a].txt",), "b.txt")


def test_names_stay_as_they_are_but_for_bytes_that_are_no_utf8():
    assert readable("Grüße") == "Grüße"
    assert readable(os.fsdecode(b"caf\xe9")) == "caf\\xe9"


def test_what_is_found_says_how_large_and_how_old(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 7))
    (found,) = walk(str(tmp_path), Selection())
    assert isinstance(found, Found)
    assert (found.path, found.name, found.size, found.mark) == (str(path), "a.txt", 3, "7")
