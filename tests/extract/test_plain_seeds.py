"""The first source's files, cut as a person would cut them.

Expected are line numbers of the seed files (from 1), not their text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.extract.plain import cut

if TYPE_CHECKING:
    from pathlib import Path

# seed: title line, lines of the main text, lines that may go either way, date
GOLD = {
    "000": (4, [10, 12, 14, 15, 17, 19, 21, 23, 25, 27], [], "2016-11-23"),
    "001": (1, [5, 7, 9, 11, 13, 15, 23, 25, 27, 29, 31, 33], [], "2024-03-02"),
    "002": (6, [*range(11, 40, 2), 43, 45, 47, 49, 51], [41], "2017-01-11"),
    "003": (1, [3, 6, 8, 10, 12, 14, 16, 18], [], ""),
    "004": (1, [4, *range(8, 29, 2)], [6], ""),
}


def words(line: str) -> str:
    return " ".join(line.split())


@pytest.fixture(params=sorted(GOLD))
def seed(request: pytest.FixtureRequest, seeds: Path) -> tuple[str, str]:
    path = next(seeds.glob(f"{request.param}_*.txt"))
    return request.param, path.read_text(encoding="utf-8")


def test_the_main_text_is_what_a_person_would_cut(seed: tuple[str, str]):
    name, text = seed
    raw = text.split("\n")
    _, main, either, _ = GOLD[name]
    optional = {words(raw[n - 1]) for n in either}
    found = [words(line) for line in cut(text).text.split("\n")]
    assert [line for line in found if line not in optional] == [words(raw[n - 1]) for n in main]


def test_the_title_is_set_aside(seed: tuple[str, str]):
    name, text = seed
    assert cut(text).title == words(text.split("\n")[GOLD[name][0] - 1])


def test_the_date_is_one_that_stands_on_a_line_of_its_own(seed: tuple[str, str]):
    name, text = seed
    assert cut(text).created == GOLD[name][3]
