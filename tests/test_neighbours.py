"""Buckets that explode: what a page costs when thousands share its template."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ingest import memory
from ingest.catalog import index_batch
from ingest.catalog.documents import Documents
from ingest.catalog.packed import Packer
from ingest.catalog.store import Store
from ingest.dedup import decide, signatures, vectors
from ingest.dedup.bands import Bands, choose, choose_for
from ingest.dedup.decide import Rules
from ingest.dedup.signatures import Reference
from ingest.documents import Document, Signature
from ingest.judge import Judge
from ingest.memory import VERIFIED
from ingest.neighbours import CROWDED, Neighbours
from ingest.recipe import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BATCH = 256
RULES = Rules(story="ignore")
BANDS = choose(0.8)
NO_ROWS = np.zeros(128, np.uint32)
TEMPLATE = [f"frame{n}" for n in range(200)]


def page(number: int, own: int) -> str:
    """The template with ``own`` words of the page's own at its end."""
    return " ".join([*TEMPLATE, *(f"w{number}x{n}" for n in range(own))])


class Court:
    """A judge over a fresh store, and how many pairs were verified."""

    def __init__(
        self,
        store: Store,
        patch: pytest.MonkeyPatch,
        rules: Rules = RULES,
        bands: Bands = BANDS,
    ) -> None:
        self.verified = 0
        self.signer = Reference()
        self.store = store
        self.neighbours = Neighbours(store, bands, 6)
        self.judge = Judge(store, rules, self.neighbours, run=1, added="", priorities={})
        compare = decide.overlap

        def counted(a: np.ndarray, b: np.ndarray) -> object:
            self.verified += 1
            return compare(a, b)

        patch.setattr(decide, "overlap", counted)

    def prepared(self, name: str, text: str) -> Prepared:
        signature = Signature(self.signer.near(text, 128, 1), NO_ROWS, b"")
        return Prepared(Packer().pack(Document("test", name, text)), signature)

    def take(self, texts: Sequence[str], prefix: str) -> list[str]:
        """What became of the texts: ``""`` for one that stays."""
        kinds = []
        numbered = iter(enumerate(texts))
        while some := list(islice(numbered, BATCH)):
            prepared = [self.prepared(f"{prefix}{number}", text) for number, text in some]
            with self.judge.batch(prepared):
                kinds += [self.judge.admit(one.document, one.signature).kind for one in prepared]
        return kinds


@pytest.fixture
def court(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Court]:
    with closing(Store(tmp_path, write=True)) as store:
        yield Court(store, monkeypatch)


def spent(court: Court, texts: Sequence[str], prefix: str) -> tuple[list[str], int]:
    before = court.verified
    return court.take(texts, prefix), court.verified - before


def costs_of_thirds(court: Court, count: int, own: int) -> list[int]:
    """Pairs verified for each third of so many pages of one template."""
    third = count // 3
    return [
        spent(court, [page(n, own) for n in range(start, start + third)], f"{own}/{start}/")[1]
        for start in range(0, 3 * third, third)
    ]


def test_pages_that_share_a_template_and_are_no_copies_cost_what_the_first_did(court: Court):
    # 200 shared words, 60 of their own: Jaccard about 0.6, and a band shared with most.
    first, second, third = costs_of_thirds(court, 1200, 60)
    assert first > VERIFIED * 300  # the lists do fill up
    assert third <= second * 1.05
    assert third <= VERIFIED * 400
    assert 1000 < int(court.store.meta(CROWDED)) <= 1200


def test_copies_among_them_are_still_caught(court: Court):
    pages = [page(n, 60) for n in range(700)]
    assert set(court.take(pages, "page")) == {""}
    same, _ = spent(court, pages[:20], "same")
    edited, _ = spent(court, [text + " postscript" for text in pages[:20]], "edited")
    assert same == ["exact"] * 20
    assert edited == ["near"] * 20


def test_pages_that_are_copies_are_compared_with_the_one_that_stays(court: Court):
    kinds, verified = spent(court, [page(n, 1) for n in range(3000)], "copy")
    assert kinds[0] == ""
    assert set(kinds[1:]) == {"near"}
    assert verified == 2999
    assert court.store.meta(CROWDED, "0") == "0"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_thousand_pages_of_one_template(court: Court):
    kinds, verified = spent(court, [page(n, 1) for n in range(50_000)], "copy")
    assert kinds.count("near") == 49_999
    assert verified == 49_999


def test_bands_shared_are_counted_as_their_keys_would_be(court: Court):
    rows = np.arange(128, dtype=np.uint32)
    other = rows.copy()
    other[[0, 13, 14, 127]] += 1  # two bands of six rows, and a row that no band has
    neighbours = court.neighbours
    shared = neighbours.shared_bands(rows == other)
    assert shared == choose(0.8).count - 2


def test_a_truncated_copy_is_near_where_containment_is_a_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    texts = [" ".join(f"w{number}x{n}" for n in range(200)) for number in range(30)]
    cut = [" ".join(text.split(" ")[:110]) for text in texts]
    with closing(Store(tmp_path, write=True)) as store:
        rules = Rules(story="ignore", near_containment=0.9)
        court = Court(store, monkeypatch, rules, choose_for(0.8, 0.9))
        assert set(court.take(texts, "whole")) == {""}
        assert court.take(cut, "cut") == ["near"] * 30


def stranger(number: int) -> str:
    """A text that shares nothing with any other."""
    return " ".join(f"w{number}x{n}" for n in range(40))


def found_by(neighbours: Neighbours, court: Court, texts: Sequence[str]) -> list[list[int]]:
    signatures = [Signature(court.signer.near(text, 128, 1), NO_ROWS, b"") for text in texts]
    return [neighbours.near(signature) for signature in signatures]


@pytest.mark.parametrize("filed", [100, 700, 4096])
def test_an_index_opened_again_holds_what_was_filed_and_what_was_not(
    court: Court, monkeypatch: pytest.MonkeyPatch, filed: int
):
    monkeypatch.setattr("ingest.neighbours.FILED", filed)
    texts = [*map(stranger, range(600)), *(page(n, 60) for n in range(200))]
    court.take(texts, "text")
    opened = Neighbours(court.store, BANDS, 6)
    assert found_by(opened, court, texts) == found_by(court.neighbours, court, texts)
    assert all(found_by(opened, court, texts[:600]))
    files = court.store.index_files("near")
    unfiled = court.store.unfiled("near")
    assert len(unfiled) == {100: 32, 700: 32, 4096: 800}[filed]
    assert max((info.last for info in files), default=0) == 800 - len(unfiled)
    on_disk = {path.name for path in (court.store.folder / "index" / "near").glob("*.run")}
    assert on_disk == {info.name for info in files}


def test_a_document_that_went_before_it_was_filed_is_left_out(court: Court):
    court.take([stranger(1), stranger(2)], "text")
    kept, gone = court.store.unfiled("near")
    court.store.connection.execute("DELETE FROM signatures WHERE number = ?", (gone,))
    opened = Neighbours(court.store, BANDS, 6)
    assert found_by(opened, court, [stranger(1), stranger(2)]) == [[kept], []]


def test_a_batch_that_failed_leaves_nothing_in_the_index(court: Court):
    court.take([stranger(1)], "first")

    def fail() -> None:
        one = court.prepared("lost", stranger(2))
        with court.judge.batch([one]):
            court.judge.admit(one.document, one.signature)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    court.take([stranger(3)], "third")
    found = found_by(court.neighbours, court, [stranger(n) for n in (1, 2, 3)])
    assert [len(each) for each in found] == [1, 0, 1]
    assert court.store.unfiled("near") == [found[0][0], found[2][0]]


def test_an_index_made_anew_is_filed_with_the_next_batch(court: Court):
    court.take([stranger(1), stranger(2)], "text")
    court.store.drop_index()
    court.neighbours.forget()
    court.take([stranger(3)], "more")
    (info,) = court.store.index_files("near")
    assert info.entries == 3 * BANDS.count
    assert court.store.unfiled("near") == []


def test_much_to_decide_goes_over_to_code_that_was_kept(
    court: Court, monkeypatch: pytest.MonkeyPatch
):
    index_kernel = pytest.importorskip("ingest.catalog.index_kernel")
    kernel_similar = pytest.importorskip("ingest.dedup.kernel_similar")
    read: list[str] = []
    monkeypatch.setattr(index_kernel, "load", lambda _: read.append("locate"))
    monkeypatch.setattr(kernel_similar, "load", lambda _: read.append("similar"))
    monkeypatch.setattr(signatures, "best", lambda _: read.append("shingled") or Reference())
    for there in (False, True):
        for module in (index_batch, signatures, vectors):
            monkeypatch.setattr(module, "kept", lambda name, *_, there=there: there and name)
        court.judge.hasten()
        assert sorted(read) == (["locate", "shingled", "similar"] if there else [])
    read.clear()
    court.take([page(1, 60)], "page")  # opens the indexes
    assert read == ["locate", "locate"]


@pytest.mark.parametrize("room", [0, 1 << 20])
def test_shingles_that_are_kept_spare_reading_the_text(
    court: Court, monkeypatch: pytest.MonkeyPatch, room: int
):
    monkeypatch.setattr(memory, "ROOM", room)
    texts: list[int] = []
    text = Documents.text
    monkeypatch.setattr(Documents, "text", lambda self, n: texts.append(n) or text(self, n))
    signed = [Reference().sign((page(n % 2, 60), "", "en"), 128, 1) for n in range(4)]
    for number, signature in enumerate(signed):
        document = Packer().pack(Document("test", str(number), page(number % 2, 60) + "." * number))
        with court.judge.batch([Prepared(document, signature)]):
            assert court.judge.admit(document, signature).kind == ("near" if number > 1 else "")
    # Not all that is looked up is what is copied: both pages share a band with any copy.
    assert bool(texts) == (room == 0)
