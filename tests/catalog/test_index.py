from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import leave_code

from ingest.catalog.index import BandIndex, Found
from ingest.catalog.index_batch import Look
from ingest.catalog.index_run import IndexDamaged, RunInfo

if TYPE_CHECKING:
    from pathlib import Path

BANDS = 4


@pytest.fixture(params=["numpy", "kernel"])
def cache(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> str | None:
    """What an index is given for compiled code; with the kernel, from the first document on."""
    if request.param == "numpy":
        return None
    pytest.importorskip("numba")
    monkeypatch.setattr(Look, "PATIENCE", 0)
    monkeypatch.setattr(Look, "COMPILING", 0)
    return str(tmp_path_factory.getbasetemp() / "kernel")


def key_rows(*rows: tuple[int, ...]) -> np.ndarray:
    """Keys spread over the whole range and of one band each, as hashes are, from integers."""
    values = np.array(rows, dtype=np.uint64).reshape(-1, BANDS) * np.uint64(BANDS)
    return (values + np.arange(BANDS, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)


def numbers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint32)


def as_dict(found: Found) -> dict[int, int]:
    return dict(zip(found.numbers.tolist(), found.shared.tolist(), strict=True))


class Model:
    """The index as it should be: a list per key, the newest ``cap`` of it."""

    def __init__(self, cap: int | None) -> None:
        self.cap = cap
        self.lists: dict[int, list[int]] = defaultdict(list)

    def insert(self, row: np.ndarray, number: int) -> None:
        for key in row.tolist():
            self.lists[key].append(number)

    def candidates(self, row: np.ndarray, least: int = 1) -> dict[int, int]:
        counts: dict[int, int] = defaultdict(int)
        for key in row.tolist():
            entries = self.lists[key]
            for number in entries[-self.cap :] if self.cap else entries:
                counts[number] += 1
        return {number: count for number, count in sorted(counts.items()) if count >= least}


@pytest.mark.parametrize("cap", [None, 1, 3])
@given(
    rows=st.lists(
        st.lists(st.integers(0, 6), min_size=BANDS, max_size=BANDS), min_size=1, max_size=60
    ),
    batch=st.integers(1, 17),
    ways=st.tuples(st.integers(1, 5), st.integers(1, 3)),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_answers_do_not_depend_on_batches_flushes_and_merges(
    tmp_path: Path,
    cache: str | None,
    cap: int | None,
    rows: list[list[int]],
    batch: int,
    ways: tuple[int, int],
):
    flush, least = ways
    index, model = BandIndex(tmp_path, [], BANDS, cap, cache), Model(cap)
    keys = key_rows(*map(tuple, rows))
    for start in range(0, len(rows), batch):
        part = keys[start : start + batch]
        looked_up = index.prefetch(part)
        for row, one in enumerate(part):
            assert as_dict(looked_up.candidates(row, least)) == model.candidates(one, least)
            looked_up.insert(row, start + row)
            model.insert(one, start + row)
        if start // batch % flush == 0:
            index.flush()
            index.merge()
    reopened = BandIndex(tmp_path, index.runs(), BANDS, cap, cache)
    filed = max((info.last + 1 for info in index.runs()), default=0)
    reopened.insert(keys[filed:], np.arange(filed, len(rows)))
    for one in keys:
        assert as_dict(reopened.candidates(one, least)) == model.candidates(one, least)


def test_query_gives_pairs_of_row_and_number(tmp_path: Path):
    index = BandIndex(tmp_path, [], BANDS)
    index.insert(key_rows((1, 2, 3, 4), (1, 2, 8, 9)), numbers(5, 7))
    hits = index.query(key_rows((0, 0, 0, 0), (1, 2, 3, 0), (5, 5, 8, 9)))
    assert list(
        zip(hits.rows.tolist(), hits.numbers.tolist(), hits.shared.tolist(), strict=True)
    ) == [
        (1, 5, 3),
        (1, 7, 2),
        (2, 7, 2),
    ]
    assert index.query(key_rows((1, 2, 3, 0)), least=3).numbers.tolist() == [5]


def test_a_row_inserted_after_the_batch_was_looked_up_is_met(tmp_path: Path):
    index = BandIndex(tmp_path, [], BANDS)
    batch = index.prefetch(key_rows((1, 2, 3, 4), (1, 2, 3, 4)))
    assert as_dict(batch.candidates(1)) == {}
    batch.insert(0, 7)
    assert as_dict(batch.candidates(1)) == {7: BANDS}


@pytest.mark.parametrize("cap", [None, 2])
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=30))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_inserted_beside_the_batch_is_met_too(
    tmp_path: Path, cache: str | None, cap: int | None, steps: list[tuple[int, int]]
):
    rows = key_rows((1, 2, 3, 4), (1, 2, 8, 9), (1, 5, 8, 9), (7, 7, 7, 7))
    index, model = BandIndex(tmp_path, [], BANDS, cap, cache), Model(cap)
    index.insert(rows, numbers(0, 1, 2, 3))
    for number, row in enumerate(rows):
        model.insert(row, number)
    batch = index.prefetch(rows)
    for number, (row, way) in enumerate(steps, 4):
        if way == 0:
            batch.insert(row, number)
        else:
            index.insert(rows[row : row + 1], numbers(number))
        model.insert(rows[row], number)
        if way == 2:
            index.flush()
        for place, one in enumerate(rows):
            assert as_dict(batch.candidates(place)) == model.candidates(one)


def test_an_uncapped_list_of_thousands_is_counted(tmp_path: Path, cache: str | None):
    """By numbers that meet in the kernel's tables, as neighbouring ones do not."""
    some = np.random.default_rng(1).choice(1 << 31, 5000, replace=False).astype(np.uint32)
    index = BandIndex(tmp_path, [], BANDS, None, cache)
    index.insert(np.repeat(key_rows((1, 2, 3, 4)), 3000, axis=0), some[:3000])
    batch = index.prefetch(np.repeat(key_rows((1, 2, 3, 9)), 2000, axis=0))
    for row in range(2000):
        batch.insert(row, int(some[3000 + row]))
    assert batch.candidates(0, 3).numbers.tolist() == sorted(some.tolist())
    assert batch.candidates(0, 4).numbers.tolist() == sorted(some[3000:].tolist())


def test_the_kernel_takes_over_once_there_is_much_to_look_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loaded: list[str] = []

    class Kernel:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    index_kernel = pytest.importorskip("ingest.catalog.index_kernel")
    monkeypatch.setattr(index_kernel, "load", lambda folder: loaded.append(folder) or Kernel())
    monkeypatch.setattr(Look, "PATIENCE", 2)
    monkeypatch.setattr(Look, "COMPILING", 4)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    leave_code(tmp_path / "kept", "catalog", "locate")
    for cache, patience in ((None, 9), (str(tmp_path / "new"), 4), (str(tmp_path / "kept"), 2)):
        index = BandIndex(tmp_path / "index", [], BANDS, 2, cache)
        for _ in range(patience):
            index.candidates(key_rows((1, 2, 3, 4))[0])
        assert not loaded
        if cache:
            index.insert(key_rows((1, 2, 3, 4)), numbers(1))
            with pytest.raises(AssertionError):
                index.candidates(key_rows((1, 2, 3, 4))[0])
            assert loaded.pop() == cache


def test_a_row_sorted_away_in_the_middle_of_a_batch_is_still_met(tmp_path: Path):
    index = BandIndex(tmp_path, [], BANDS)
    batch = index.prefetch(key_rows((1, 2, 3, 4)))
    index.insert(key_rows((1, 2, 3, 4)), numbers(0))
    index.flush()
    assert as_dict(batch.candidates(0)) == {0: BANDS}


def test_many_runs_become_few_and_nothing_is_lost(tmp_path: Path):
    index = BandIndex(tmp_path, [], BANDS)
    random = np.random.default_rng(1)
    keys = random.integers(0, 1 << 64, (6400, BANDS), dtype=np.uint64)
    for start in range(0, len(keys), 100):
        index.insert(keys[start : start + 100], np.arange(start, start + 100, dtype=np.uint32))
        index.flush()
        index.merge()
        index.prune()
    sizes = [info.entries for info in index.runs()]
    assert sum(sizes) == keys.size
    assert len(sizes) <= 7
    assert len(list(tmp_path.iterdir())) == len(sizes)
    assert (index.query(keys).shared == BANDS).all()
    index.verify()


def test_a_file_merged_a_range_at_a_time_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A bucket of the directory may lie in two ranges."""
    keys = np.random.default_rng(1).integers(0, 1 << 64, (1000, BANDS), dtype=np.uint64)
    checksums = []
    for chunk in (1 << 20, 300):
        monkeypatch.setattr("ingest.catalog.index_run._CHUNK", chunk)
        index = BandIndex(tmp_path / str(chunk), [], BANDS)
        index.insert(keys, np.arange(1000, dtype=np.uint32))
        info = index.flush()
        assert info
        checksums.append(info.checksum)
        assert (index.query(keys).shared == BANDS).all()
    assert checksums[0] == checksums[1]


def test_merging_everything_drops_what_should_not_stay(tmp_path: Path):
    index = BandIndex(tmp_path, [], BANDS)
    index.insert(key_rows((1, 2, 3, 4), (1, 2, 3, 4)), numbers(0, 1))
    index.flush()
    (merge,) = index.merge(keep=lambda found: found != 0, everything=True)
    assert [info.entries for info in merge.old] == [2 * BANDS]
    assert merge.new is not None
    assert as_dict(index.candidates(key_rows((1, 2, 3, 4))[0])) == {1: BANDS}
    (merge,) = index.merge(keep=lambda found: found > 1, everything=True)
    assert merge.new is None
    assert index.runs() == []


def test_what_the_cap_hides_is_counted(tmp_path: Path):
    index = BandIndex(tmp_path, [], BANDS, cap=2)
    index.insert(key_rows(*[(1, i, 100 + i, 200 + i) for i in range(10, 15)]), numbers(*range(5)))
    found = index.candidates(key_rows((1, 12, 0, 0))[0])
    assert as_dict(found) == {2: 1, 3: 1, 4: 1}
    assert (found.capped, index.capped) == (1, 1)


def test_old_files_stay_until_pruned(tmp_path: Path):
    index = BandIndex(tmp_path, [], BANDS)
    for number in range(2):
        index.insert(key_rows((1, 2, 3, 4)), numbers(number))
        index.flush()
    before = index.runs()
    assert index.merge()
    assert as_dict(BandIndex(tmp_path, before, BANDS).candidates(key_rows((1, 0, 0, 0))[0])) == {
        0: 1,
        1: 1,
    }
    index.prune()
    with pytest.raises(IndexDamaged):
        BandIndex(tmp_path, before, BANDS)


def flushed(folder: Path) -> tuple[Path, RunInfo]:
    index = BandIndex(folder, [], BANDS)
    index.insert(key_rows((1, 2, 3, 4)), numbers(3))
    info = index.flush()
    assert info
    return folder / info.name, info


def test_info_survives_json(tmp_path: Path):
    _, info = flushed(tmp_path)
    assert RunInfo.loads(info.dumps()) == info
    with pytest.raises(IndexDamaged):
        RunInfo.loads("[]")
    with pytest.raises(IndexDamaged):
        RunInfo.loads('{"name": 1}')


@pytest.mark.parametrize("damage", ["truncate", "header", "missing", "other"])
def test_a_damaged_file_is_refused_at_opening(tmp_path: Path, damage: str):
    path, info = flushed(tmp_path)
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[:-1])
    elif damage == "header":
        data[30] ^= 1
        path.write_bytes(data)
    elif damage == "missing":
        path.unlink()
    else:
        info = RunInfo(info.name, info.entries, info.first, info.last, info.checksum ^ 1)
    with pytest.raises(IndexDamaged):
        BandIndex(tmp_path, [info], BANDS)


def test_a_damaged_body_is_found_by_verify(tmp_path: Path):
    path, info = flushed(tmp_path)
    data = bytearray(path.read_bytes())
    data[70] ^= 1
    path.write_bytes(data)
    index = BandIndex(tmp_path, [info], BANDS)
    with pytest.raises(IndexDamaged):
        index.verify()


def test_a_flush_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    index = BandIndex(tmp_path, [], BANDS)
    index.insert(key_rows((1, 2, 3, 4)), numbers(3))

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="space"):
        index.flush()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert index.flush()
    assert as_dict(index.candidates(key_rows((1, 2, 3, 4))[0])) == {3: BANDS}
