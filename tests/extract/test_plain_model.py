from __future__ import annotations

import re
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extract.characters import BEYOND, code_points, count_characters
from ingest.extract.context import context
from ingest.extract.counting import Reference
from ingest.extract.features import best_span, look, windows
from ingest.extract.lines import split
from ingest.extract.plain_model import Decoding, Forest, load, viterbi
from ingest.extract.title import candidates

NUMPY = Reference()
ODDS = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=9)


def cost(path: tuple[bool, ...], odds: list[float], into: float, out: float) -> float:
    changes = pairwise(path)
    return sum(o for o, main in zip(odds, path, strict=True) if main) - sum(
        into if after else out for before, after in changes if before != after
    )


@settings(max_examples=100, deadline=None)
@given(ODDS, st.floats(0, 2), st.floats(0, 2))
def test_viterbi_finds_the_best_of_all_paths(odds: list[float], into: float, out: float):
    found = tuple(viterbi(np.array(odds), (into, out)).tolist())
    best = max(cost(path, odds, into, out) for path in product((False, True), repeat=len(odds)))
    assert cost(found, odds, into, out) == pytest.approx(best, abs=1e-5)


def test_a_forest_looks_up_the_leaf_that_its_answers_spell():
    random = np.random.default_rng(3)
    forest = Forest(
        features=random.integers(0, 5, (7, 3)),
        thresholds=random.normal(size=(7, 3)).astype(np.float32),
        leaves=random.normal(size=(7, 8)).astype(np.float32),
        start=0.25,
    )
    x = random.normal(size=(5000, 5)).astype(np.float32)
    expected = np.full(len(x), 0.25)
    for tree in range(7):
        answers = x[:, forest.features[tree]] > forest.thresholds[tree]
        expected += forest.leaves[tree, answers @ [1, 2, 4]]
    np.testing.assert_allclose(forest.logits(x), expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(ODDS)
def test_the_best_span_has_the_greatest_sum(scores: list[float]):
    first, last = best_span(np.array(scores))
    spans = [sum(scores[a:b]) for a in range(len(scores)) for b in range(a + 1, len(scores) + 1)]
    assert sum(scores[first:last]) == pytest.approx(max(0.0, *spans), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 9), min_size=1, max_size=9),
    st.lists(st.sampled_from([(2, 0), (0, 3), (1, 1), (20, 20)]), min_size=1, max_size=3),
)
def test_windows_sum_the_lines_around_a_line(row: list[float], reaches: list[tuple[int, int]]):
    found = windows(np.array([row]), reaches)
    for i, (above, below) in enumerate(reaches):
        for at in range(len(row)):
            first = max(0, at - above) if above else at + 1
            last = at + below + 1 if below else at
            assert found[0, i, at] == pytest.approx(sum(row[first:last]), abs=1e-9)


@pytest.mark.parametrize(("units", "whole"), [(79, False), (80, True)])
def test_a_long_text_without_a_line_that_is_furniture_for_sure_is_no_page(units: int, whole: bool):
    decoding = Decoding(least=0.0, into=0.3, out=0.3, title=0.0, sure=3.0)
    odds = np.full(units, 2.0)
    odds[:9] = -2.9
    assert decoding.path(odds).all() == whole
    odds[5] = -3.1
    assert decoding.path(odds).tolist() == [False] * 9 + [True] * (units - 9)


TEXTS = [
    "a",
    "a\nb",
    "\U0001f600 \ud800\n\u4e2d\u6587\u3002\n" * 3,
    "\u2026\n\n\u00b7\n\u2014 \u2014",
]


@pytest.mark.parametrize("text", TEXTS)
def test_features_of_both_looks_are_finite_and_fit_the_model(text: str):
    model = load()
    lines = split(text)
    page = look(lines, model.words, NUMPY)
    odds = model.first.logits(page.features)
    second = context(page, odds)
    at, title = candidates(page, odds, np.ones(len(odds), dtype=bool), lines.units)
    for forest, x in ((model.first, page.features), (model.second, second), (model.title, title)):
        assert np.isfinite(x).all()
        assert forest.features.max() < x.shape[1]
    assert len(page.features) == len(second) == len(lines.units)
    assert len(at) == len(title)


def test_of_a_page_without_main_text_no_line_is_the_title():
    model = load()
    lines = split("Home\nNews\nSport")
    page = look(lines, model.words, NUMPY)
    none = np.zeros(3, dtype=bool)
    assert model.find_title(page, model.odds(page, NUMPY), none, lines.units, NUMPY) == -1


def test_a_line_that_states_a_date_or_an_author_may_not_be_the_title():
    model = load()
    lines = split("Home\nReporter: Ada Winter\n3 June 2019\nThe ferry leaves on Sunday, they said.")
    page = look(lines, model.words, NUMPY)
    kept = np.array([False, False, False, True])
    at, features = candidates(page, model.odds(page, NUMPY), kept, lines.units)
    assert at.tolist() == [0, 3]
    assert len(features) == 2


def test_a_line_about_the_same_things_as_the_main_text_is_told_from_one_that_is_not():
    said = ["harbour ferry rope", "harbour ferry fog", "ferry harbour captain"]
    lines = split("\n".join([*said, "shop basket price", "basket price shop"]))
    page = look(lines, load().words, NUMPY)
    topic = context(page, np.array([3, 3, 0, 0, -3], dtype=np.float32))[:, -1]
    assert topic[2] > 0 > topic[3]


@settings(max_examples=200, deadline=None)
@given(st.text("0123:a -", min_size=1, max_size=14))
def test_times_of_day_and_years_are_told_from_other_numbers(line: str):
    codes = code_points(f"{line}\n").astype(np.intp)
    none = np.zeros(BEYOND + 1, dtype=bool)
    told = count_characters(codes, np.array([len(line)]), none).stamps[0]
    assert told == bool(re.search(r"(?<!\d)\d{4}(?!\d)|\d:\d\d", line))
