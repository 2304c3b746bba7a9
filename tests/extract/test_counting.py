"""That compiled loops and numpy count alike, to the last bit, and when the loops are loaded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import leave_code

from ingest.extract import compiled, counting, plain_model
from ingest.extract.characters import END
from ingest.extract.counting import Patient, Reference, best
from ingest.extract.plain import cut
from ingest.extract.plain_model import Forest

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.extract.characters import Characters
    from ingest.extract.counting import Engine

NUMPY = Reference()
SIGNS = (
    "aZ\u00df\u0130\u017f9\u0664 :/@.?!\"')]\u2019-_|\u4e2d\u7684\u3002\u0e44\u0e17\ud800\U0001f600"
)
WHOLE = (
    "the harbour and the ferry",
    "9:41 (12)",
    "//a@b",
    "2019.",
    "\u7684\u4e86",
    "\u201cSo?\u201d 3",
)
LINE = st.text(SIGNS, min_size=1, max_size=25) | st.sampled_from(WHOLE)
PAGE = """Home
News of 12:30

Ferry stays in the harbour
By Ada Winter
3 June 2019
The ferry stayed in the harbour on Sunday, and the captain would not say why it had not left.
\u201cIt is the fog,\u201d said the ferryman, \u201cas it was in the year 1987.\u201d
\u6e21\u8f6e\u5468\u65e5\u7559\u5728\u6e2f\u53e3\uff0c\u8239\u957f\u6ca1\u6709\u8bf4\u660e\u539f\u56e0\u3002
Share // mail@example.org
Read more
"""


@pytest.fixture(scope="module")
def loops() -> Engine:
    return compiled.load("")


def sentences(chars: Characters) -> Any:
    return (chars.last == END) & (chars.words > 2)


def fields(told: Any) -> dict[str, Any]:
    return {name: getattr(told, name) for name in told.__slots__}


def in_order(numbers: np.ndarray) -> list[int]:
    seen: dict[int, int] = {}
    return [seen.setdefault(number, len(seen)) for number in numbers.tolist()]


def assert_counted_alike(loops: Engine, text: str) -> None:
    known = plain_model.load().words
    for ours, theirs in zip(
        loops.count(text, sentences, known), NUMPY.count(text, sentences, known), strict=True
    ):
        expected = fields(theirs)
        for name, found in fields(ours).items():
            assert found.dtype == expected[name].dtype, name
            if name == "ids":  # which number a word has does not matter
                assert in_order(found) == in_order(expected[name])
            else:
                assert found.tolist() == expected[name].tolist(), name


@settings(max_examples=500, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=6))
def test_characters_and_words_are_counted_alike(loops: Engine, lines: list[str]):
    assert_counted_alike(loops, "".join(f"{line}\n" for line in lines))


def test_many_words_are_counted_alike(loops: Engine):
    random = np.random.default_rng(5)
    words = [f"w{number}" for number in range(700)] + ["the", "and", "was", "more", "x" * 90]
    lines = [" ".join(random.choice(words, random.integers(1, 40))) + ".\n" for _ in range(400)]
    assert_counted_alike(loops, "".join(lines))


@pytest.mark.parametrize("n", [1, 2, 300, 2049])
def test_forests_answer_alike(loops: Engine, n: int):
    random = np.random.default_rng(3)
    forest = Forest(
        features=random.integers(0, 5, (90, 6)).astype(np.intp),
        thresholds=random.normal(size=(90, 6)).astype(np.float32),
        leaves=random.normal(size=(90, 64)).astype(np.float32),
        start=0.25,
    )
    x = random.normal(size=(n, 5)).astype(np.float32)
    assert loops.logits(forest, x).tolist() == NUMPY.logits(forest, x).tolist()


def test_a_page_is_cut_alike(loops: Engine):
    assert cut(PAGE, engine=loops) == cut(PAGE, engine=NUMPY)
    assert cut(PAGE * 300, engine=loops) == cut(PAGE * 300, engine=NUMPY)


def test_what_is_loaded_is_what_pages_need(loops: Engine):
    """Code of other types would be compiled in the middle of a page, by each process anew."""
    cut(PAGE, engine=loops)
    assert isinstance(loops, compiled.Compiled)
    for loop in (loops.characters, loops.words, loops.forest):
        assert len(loop.signatures) == 1  # type: ignore[attr-defined]


def cut_until_loaded(monkeypatch: pytest.MonkeyPatch, patient: Patient, most: int) -> int:
    """Pages cut before the loops were loaded; -1 where ``most`` do not suffice."""

    class Loaded:
        count = staticmethod(NUMPY.count)
        logits = staticmethod(NUMPY.logits)

    monkeypatch.setattr(counting, "best", lambda _folder: Loaded())
    for number in range(most):
        cut("Home\nNews", engine=patient)
        if isinstance(patient._engine, Loaded):
            return number
    return -1


def test_loops_are_read_after_some_pages_and_compiled_after_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert cut_until_loaded(monkeypatch, Patient(str(tmp_path)), 600) == -1
    leave_code(tmp_path, "extract", "logits")
    assert cut_until_loaded(monkeypatch, Patient(str(tmp_path)), 600) == counting.WORTH.reading - 1


def test_without_numba_pages_are_cut_in_numpy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ingest.extract.compiled", None)
    monkeypatch.delattr("ingest.extract.compiled", raising=False)
    best.cache_clear()
    try:
        assert isinstance(best(""), Reference)
    finally:
        best.cache_clear()
