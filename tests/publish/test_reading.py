from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import zstandard

from ingest.publish.reading import DAMAGED, read_lines
from ingest.publish.shards import ShardWriter

if TYPE_CHECKING:
    from pathlib import Path

LINES = [b"%d %s\n" % (number, b"x" * number) for number in range(2000)]


def written(path: Path) -> Path:
    writer = ShardWriter(path, "documents")
    for line in LINES:
        writer.write(line)
    shard = writer.close()
    assert (shard.rows, shard.bytes) == (len(LINES), path.stat().st_size)
    assert shard.json_bytes == sum(map(len, LINES))
    return path


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_what_was_written_is_read(tmp_path: Path, suffix: str) -> None:
    assert list(read_lines(written(tmp_path / f"a.jsonl{suffix}"))) == LINES


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a_file_cut_short_never_ends_quietly(tmp_path: Path, suffix: str, share: float) -> None:
    path = written(tmp_path / f"a.jsonl{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DAMAGED):
        list(read_lines(path))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_flipped_bytes_are_noticed(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"a.jsonl{suffix}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(bytes(data))
    with pytest.raises(DAMAGED):
        list(read_lines(path))


def test_several_frames_are_read_and_one_is_written(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.zst")
    data = path.read_bytes()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(data) == b"".join(LINES)
    path.write_bytes(data + zstandard.ZstdCompressor().compress(b"more\n"))
    assert list(read_lines(path)) == [*LINES, b"more\n"]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_shards_are_joined(tmp_path: Path, suffix: str) -> None:
    old = ShardWriter(tmp_path / f"old.jsonl{suffix}", "documents")
    old.write(b"one\n")
    shard = old.close()
    new = ShardWriter(tmp_path / f"new.jsonl{suffix}", "documents")
    new.write(b"zero\n")
    new.copy(shard, tmp_path)
    new.write(b"two\n")
    joined = new.close()
    assert list(read_lines(tmp_path / joined.name)) == [b"zero\n", b"one\n", b"two\n"]
    assert (joined.rows, joined.json_bytes) == (3, 13)
