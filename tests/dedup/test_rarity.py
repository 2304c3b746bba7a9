from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import wordfreq

from ingest.dedup import rarity
from ingest.dedup.tokens import run_hashes, tokenise

if TYPE_CHECKING:
    from pathlib import Path


def of(words: str, table: rarity.Rarity) -> list[float]:
    tokens = tokenise(words)
    return table.tokens(tokens.hashes, tokens.ends - tokens.starts).tolist()


@pytest.fixture(scope="module")
def english() -> rarity.Rarity:
    return rarity.load("en")


def test_the_commonest_word_weighs_nothing_and_an_unknown_one_most(english: rarity.Rarity):
    the, police, alibaba, unknown = of("the police Alibaba zxqvj", english)
    assert the == 0
    assert 0 < police < alibaba < unknown == rarity.RAREST


def test_rarity_is_seven_less_zipf_frequency(english: rarity.Rarity):
    for word in ("police", "earthquake", "alibaba"):
        expected = 7 - wordfreq.zipf_frequency(word, "en")
        assert of(word, english)[0] == pytest.approx(expected, abs=0.02)


def test_parts_of_words_with_apostrophes_are_common(english: rarity.Rarity):
    assert max(of("don't it's", english)) < 1


def test_numbers_are_estimated_and_long_ones_are_rarest(english: rarity.Rarity):
    one, year, age, toll, phone = of("7 2013 61 368 5550123", english)
    assert one < age < toll
    assert 3.5 < year < rarity.RAREST
    assert phone == rarity.RAREST


def test_table_is_sorted_and_exact(english: rarity.Rarity):
    assert (np.diff(english.hashes.astype(object)) > 0).all()
    assert (english.rarity * 128 == np.rint(english.rarity * 128)).all()
    assert english.rarity.dtype == np.float32
    assert english.hashes.nbytes + english.rarity.nbytes < 2_000_000


def test_a_language_without_a_list_goes_by_length():
    unlisted = rarity.load("und")
    assert not unlisted.hashes.size
    assert of("a word immeasurable", unlisted) == [0.5, 2.0, rarity.RAREST]


def test_a_relative_s_list_is_used():
    assert rarity.load("no") == rarity.load("no")
    assert np.array_equal(rarity.load("nn").hashes, rarity.load("nb").hashes)


def test_known_runs_of_characters_weigh_by_the_list_and_others_by_chance():
    chinese = rarity.load("zh")
    tokens = tokenise("中国龘靐")
    runs = run_hashes(tokens.hashes, np.array([0, 1, 2]), 2)
    own = chinese.tokens(tokens.hashes, tokens.ends - tokens.starts)
    known, mixed, unknown = chinese.runs(runs, own[:-1] + own[1:])
    assert known < 1.5
    assert known < mixed <= unknown == rarity.RAREST


def test_an_unknown_run_of_common_characters_is_not_rare():
    table = rarity.Rarity("zz", np.array([5], dtype=np.uint64), np.array([1], dtype=np.float32))
    sums = np.array([0.5, 2.5, 9], dtype=np.float32)
    assert table.runs(np.array([7, 8, 9], dtype=np.uint64), sums).tolist() == [2.5, 4.5, 5.0]
    assert table.runs(np.array([5], dtype=np.uint64), sums[:1]).tolist() == [1]


def test_kept_table_is_the_made_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rarity.load.cache_clear()
    made = rarity.load("is", tmp_path / "new")
    rarity.load.cache_clear()
    with monkeypatch.context() as patched:
        patched.delattr(rarity, "used")  # it is not made again
        kept = rarity.load("is", tmp_path / "new")
    assert np.array_equal(made.hashes, kept.hashes)
    assert np.array_equal(made.rarity, kept.rarity)
    assert made.per_character == kept.per_character


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"not a table at all"])
def test_a_damaged_table_is_made_anew(tmp_path: Path, damage: bytes):
    rarity.load.cache_clear()
    made = rarity.load("is", tmp_path)
    (file,) = tmp_path.glob("*.npy")
    del made
    file.write_bytes(damage)
    rarity.load.cache_clear()
    assert rarity.load("is", tmp_path).hashes.size > 10_000
    assert file.stat().st_size > 100_000


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    rarity.load.cache_clear()
    assert rarity.load("is", tmp_path / "file").hashes.size > 10_000


def test_of_several_processes_one_makes_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    make = rarity._make
    monkeypatch.setattr(rarity, "_make", lambda language: made.append(language) or make(language))
    load = rarity.load.__wrapped__
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: load("is", tmp_path), range(2))
    assert made == ["is"]
    assert np.array_equal(one.hashes, other.hashes)


def test_unlisted_languages_leave_no_file(tmp_path: Path):
    rarity.load.cache_clear()
    rarity.load("xx", tmp_path)
    assert not list(tmp_path.iterdir())
