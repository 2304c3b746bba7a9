"""Bytes of a file: decompressed within limits, in UTF-8, cut into lines."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ingest.read import streams
from ingest.read.streams import Budget, ReadError

PACK = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}
LARGE = 1 << 40


def unpack(data: Any, packing: Any, most: Any = LARGE, ratio: Any = LARGE):
    return b"".join(streams.chunks(io.BytesIO(data), packing, Budget(len(data), most, ratio)))


def cut(data: Any, size: Any):
    return iter([data[i : i + size] for i in range(0, len(data), size)])


@pytest.mark.parametrize("packing", PACK)
@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_packed_streams_one_after_another_come_out_as_one(packing: Any, parts: Any):
    data = b"".join(PACK[packing](part) for part in parts)
    assert unpack(data, packing) == b"".join(parts)
    assert unpack(data, "") == b"".join(parts)  # known by its first bytes alone


@pytest.mark.parametrize("packing", PACK)
def test_large_streams_come_in_small_chunks(packing: Any):
    text = bytes(range(256)) * 12_000
    data = PACK[packing](text)
    parts = list(streams.chunks(io.BytesIO(data), packing, Budget(len(data), LARGE, LARGE)))
    assert b"".join(parts) == text
    assert max(map(len, parts)) <= 8 << 20


@pytest.mark.parametrize("packing", PACK)
@given(length=st.integers(min_value=1))
def test_what_is_cut_short_never_passes_for_whole(packing: Any, length: Any):
    data = PACK[packing](b"some text that is long enough to be packed, " * 3)
    with pytest.raises(ReadError) as caught:
        unpack(data[: 1 + length % (len(data) - 1)], packing)
    assert caught.value.reason in {"cut short", "damaged"}


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_a_flipped_bit_is_damage(packing: Any):
    data = bytearray(PACK[packing](bytes(range(256)) * 20))
    data[len(data) // 2] ^= 255
    with pytest.raises(ReadError) as caught:
        unpack(bytes(data), packing)
    assert caught.value.reason == "damaged"


@pytest.mark.parametrize("packing", PACK)
def test_a_name_that_promises_too_much(packing: Any):
    with pytest.raises(ReadError, match=rf"its name ends in .{packing}, but it begins with 70 6c"):
        unpack(b"plain", packing)
    with pytest.raises(ReadError, match="but it is empty"):
        unpack(b"", packing)


def test_padding_of_zeros_after_a_stream_is_nothing():
    assert unpack(gzip.compress(b"a") + b"\0" * 512, "gz") == b"a"
    assert unpack(lzma.compress(b"a") + b"\0" * 4, "xz") == b"a"


@pytest.mark.parametrize("packing", PACK)
def test_a_bomb_is_left_alone_before_it_fills_the_memory(packing: Any):
    data = PACK[packing](b"\0" * 40_000_000)
    budget = Budget(len(data), LARGE, 100)
    source = streams.chunks(io.BytesIO(data), packing, budget)
    with pytest.raises(ReadError) as caught:
        assert max(map(len, source)) <= 8 << 20
    assert caught.value.reason == "decompression bomb"
    assert "max_ratio = 100" in caught.value.detail
    assert budget.spent < (16 + 8 << 20) + 1


def test_the_absolute_limit():
    with pytest.raises(ReadError, match="max_unpacked = 1,000") as caught:
        unpack(gzip.compress(b"abc" * 1000), "gz", most=1000)
    assert caught.value.reason == "too large"


def test_short_files_may_compress_as_well_as_they_like():
    assert len(unpack(gzip.compress(b"a" * 1_000_000), "gz", ratio=10)) == 1_000_000


# --- encodings ---------------------------------------------------------------------------

TEXT = '{"text": "Grüße, 你好 😀"}'


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"]
)
def test_json_text_is_known_in_every_unicode_encoding(encoding: Any, size: Any):
    source = cut(TEXT.encode(encoding), size)
    assert b"".join(streams.as_utf8(source)).decode() == TEXT


def test_the_encoding_of_the_settings_counts_unless_there_is_a_mark():
    assert b"".join(streams.as_utf8(iter([b"\xe9t\xe9"]), "latin-1")).decode() == "été"
    assert b"".join(streams.as_utf8(iter(["é".encode("utf-8-sig")]), "latin-1")).decode() == "é"
    assert (
        b"".join(streams.as_utf8(iter([b"\xe9"]), "UTF-8")) == b"\xe9"
    )  # to be told by the parser


@given(st.binary(max_size=50), st.integers(1, 7))
def test_no_bytes_break_the_decoder(data: Any, size: Any):
    b"".join(streams.as_utf8(cut(data, size)))


# --- lines -------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([b"", b"a", b" bc ", b"d\r", b"\t", b"e" * 9])), st.integers(1, 12))
def test_lines_do_not_depend_on_chunks(parts: Any, size: Any):
    data = b"\n".join(parts)
    wanted = [(n, p.strip()) for n, p in enumerate(data.split(b"\n"), 1) if p.strip()]
    assert [(line.number, line.data) for line in streams.lines(cut(data, size), 100)] == wanted


@given(st.lists(st.sampled_from([b"", b"a", b" bc ", b"d\r"])), st.integers(1, 5))
def test_bare_lines_can_be_put_together_again(parts: Any, size: Any):
    data = b"\n".join(parts)
    lines = [line.data for line in streams.lines(cut(data, size), 100, bare=True)]
    assert b"\n".join(lines) == data.removesuffix(b"\n")


@given(st.integers(1, 50))
def test_a_line_beyond_the_limit_is_known_by_size_and_digest_alone(size: Any):
    data = b"ab\n" + b"x" * 30 + b"\ncd"
    first, long, last = streams.lines(cut(data, size), 20)
    assert (first.data, last.data, last.number) == (b"ab", b"cd", 3)
    assert (long.data, long.size, long.digest) == (b"", 30, streams.line_digest(b"x" * 30))


def test_a_line_of_200_mb_is_passed_over_in_constant_memory():
    block = b"x" * (1 << 20)
    source = (block for _ in range(200))
    tracemalloc.start()
    (line,) = streams.lines(source, 5 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert line.size == 200 << 20
    assert peak < 12 << 20


def test_a_chunk_file_reads_forwards():
    file = io.BufferedReader(streams.ChunkFile(iter([b"ab", b"", b"cde"])), 2)
    assert (file.read(3), file.read(9), file.read(1)) == (b"abc", b"de", b"")
