from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ingest.dedup import compiled
from ingest.dedup.kept import kept, mapped

if TYPE_CHECKING:
    from pathlib import Path

ARRAY = np.arange(1, 1000, dtype=np.uint64)


def never() -> np.ndarray:
    pytest.fail("made again")


def test_what_was_kept_is_mapped_and_its_file_never_written_to(tmp_path: Path):
    path = tmp_path / "new" / "array.npy"
    kept(path, ARRAY.copy)[0] = 7
    assert np.array_equal(kept(path, never), ARRAY)
    array = mapped(path)
    assert array is not None
    assert not array.flags.owndata
    assert [file.name for file in path.parent.iterdir() if file.suffix != ".lock"] == [path.name]


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"none at all"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes):
    path = tmp_path / "array.npy"
    path.write_bytes(damage)
    assert np.array_equal(kept(path, ARRAY.copy), ARRAY)
    assert np.array_equal(kept(path, never), ARRAY)


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    assert np.array_equal(kept(tmp_path / "file" / "array.npy", ARRAY.copy), ARRAY)


def test_a_directory_of_a_table_is_kept_and_one_without_a_list_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    table = compiled._table.__wrapped__
    made = table("nb", str(tmp_path))
    monkeypatch.delattr(compiled, "load")
    for language in ("nb", "no"):
        slots, *rest = table(language, str(tmp_path))
        assert np.array_equal(slots, made[0])
        assert tuple(rest) == made[1:]
    monkeypatch.undo()
    files = len(list(tmp_path.iterdir()))
    slots, per_character, run, listed = table("und", str(tmp_path))
    assert (slots.tolist(), per_character, run, listed) == ([0], 64, 5, 0)
    assert len(list(tmp_path.iterdir())) == files
