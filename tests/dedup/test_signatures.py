from __future__ import annotations

import pickle
import signal
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import leave_code

from ingest.compiling import claim, spent
from ingest.dedup.shingles import shingles, unique
from ingest.dedup.signatures import KERNEL, Patient, Reference, Shingler, Signer, best

if TYPE_CHECKING:
    from pathlib import Path

compiled = pytest.importorskip("ingest.dedup.compiled")

STORY = """Jack Ma meets Donald Trump
The Chinese billionaire Jack Ma met President-elect Donald Trump in New York on Monday, and
spoke of a million jobs that Alibaba would create. 北京大学生前来应聘。Ещё Немного Слов, naïve."""
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=())),
    st.text(alphabet="ab AB\n北京.é_1"),
    st.lists(st.sampled_from(STORY.split(" ")), max_size=120).map(" ".join),
    # More numbers than a vector holds (`terms.NUMBERS`), among names and words.
    st.lists(
        st.integers(0, 99_999).map(str) | st.sampled_from(["7x", "Alibaba", "police", "Ma"]),
        max_size=60,
    ).map(" ".join),
)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return compiled.Compiled(str(tmp_path_factory.getbasetemp() / "kernel"))


@settings(deadline=None, max_examples=300)
@given(text=TEXTS, title=TEXTS, language=st.sampled_from(["en", "und", "ru"]))
def test_the_kernel_gives_the_values_of_the_reference(
    kernel: Any, text: str, title: str, language: str
):
    mine = kernel.sign((text, title, language), 128, 1)
    reference = Reference().sign((text, title, language), 128, 1)
    assert mine.near.tolist() == reference.near.tolist()
    assert mine.terms == reference.terms
    assert mine.story.tolist() == reference.story.tolist()
    assert kernel.near(text, 128, 1).tolist() == reference.near.tolist()
    assert mine.shingles == reference.shingles
    sent = unique(np.frombuffer(mine.shingles, np.uint64))
    assert sent.tolist() == kernel.shingles(text).tolist() == shingles(text).tolist()


@pytest.mark.parametrize("tail", ["", " ", "aé ", "яя я" * 40, "北京 " * 40, "😀𝐀b" * 30])
@pytest.mark.parametrize("character", ["a", "é", "Я", "北", "𝐀", " ", "\udc80"])
def test_texts_that_meet_the_edges_of_blocks(kernel: Any, character: str, tail: str):
    """The kernel reads 64 bytes at a time, and hashes eight letters at a time."""
    for size in (*range(52, 68), *range(120, 132)):
        text = "Ж" * (size % 19) + " naïve"[: size % 6] + "a" * (size - size % 6) + character + tail
        document = (text, "", "und")
        mine, reference = kernel.sign(document, 8, 1), Reference().sign(document, 8, 1)
        assert mine.near.tolist() == reference.near.tolist()
        assert mine.terms == reference.terms


def test_every_letter_may_be_a_token(kernel: Any):
    """Room for fewer edges than that ends the process in `malloc`, or gives wrong terms."""
    for text in ("北京大学生前来应聘" * 3000, "北a" * 9000, "สวัสดี " * 4000):
        document = (text, "京", "zh")
        mine, reference = kernel.sign(document, 8, 1), Reference().sign(document, 8, 1)
        assert mine.near.tolist() == reference.near.tolist()
        assert mine.terms == reference.terms


def test_terms_that_meet_at_a_slot_are_told_apart(kernel: Any):
    """So many words, and pairs of names, that many share a slot of the kernel's tables."""
    words = [f"{word}{number}" for number in range(700) for word in ("the ", "Alibaba Q", "of ta")]
    for size in (4, 40, 400, len(words)):
        document = (" ".join(words[:size] * 2), "Jack Ma", "en")
        mine, reference = kernel.sign(document, 8, 1), Reference().sign(document, 8, 1)
        assert mine.terms == reference.terms
        assert mine.story.tolist() == reference.story.tolist()


def test_rows_that_are_no_multiple_of_four(kernel: Any):
    for rows in (1, 2, 3, 5, 97):
        expected = Reference().near(STORY, rows, 7)
        assert kernel.near(STORY, rows, 7).tolist() == expected.tolist()


def test_a_signature_is_pinned(kernel: Any):
    # A change here must change `Signer.version`, or stored signatures lie.
    assert kernel.near(STORY, 4, 1).tolist() == Reference().near(STORY, 4, 1).tolist()
    assert Signer().version.startswith(
        "tokens=1 unicode=14.0.0 hash=poly64 shingle=5 minhash=affine32/128/1 story="
    )
    assert Signer(seed=2).version != Signer().version


def test_a_signature_pickles():
    signed = Reference().sign((STORY, "", "en"), 128, 1)
    again = pickle.loads(pickle.dumps(signed))  # noqa: S301 - our own bytes
    assert np.array_equal(again.near, signed.near)
    assert np.array_equal(again.story, signed.story)
    assert (again.near.dtype, again.story.dtype) == (np.uint32, np.uint32)
    assert (again.terms, again.shingles) == (signed.terms, signed.shingles)


def test_a_signer_pickles_and_signs_alike():
    signer = Signer(permutations=16)
    again = pickle.loads(pickle.dumps(signer))  # noqa: S301 - our own bytes
    assert again == signer
    assert again.near("one two three four five six").shape == (16,)


def test_without_numba_the_reference_signs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Patient, "FEW", 1)
    monkeypatch.setattr(Patient, "COMPILING", 0)
    monkeypatch.setitem(sys.modules, "ingest.dedup.compiled", None)
    monkeypatch.delattr("ingest.dedup.compiled", raising=False)
    best.cache_clear()
    try:
        assert isinstance(best(""), Reference)
        patient = Patient("")
        signed = [patient.sign((STORY, "Jack Ma", "en"), 4, 1) for _ in range(Patient.READING + 1)]
        assert len({one.near.tobytes() for one in signed}) == 1
    finally:
        best.cache_clear()


@settings(deadline=None, max_examples=100)
@given(text=TEXTS)
def test_the_kernel_shingles_as_the_reference_does(kernel: Any, text: str):
    assert kernel.shingles(text).tolist() == shingles(text).tolist()


def test_shingling_goes_over_to_the_kernel_once_there_is_much_to_verify(
    monkeypatch: pytest.MonkeyPatch,
):
    class Loud(Reference):
        def shingles(self, text: str) -> np.ndarray:
            asked.append(text)
            return super().shingles(text)

    asked: list[str] = []
    monkeypatch.setattr("ingest.dedup.signatures.best", Loud)
    monkeypatch.setattr(Shingler, "COMPILING", 3)
    shingler = Shingler()
    found = [shingler.shingles(text).tolist() for text in ("a", "b", "c", "d")]
    assert asked == ["c", "d"]
    assert found == [shingles(text).tolist() for text in ("a", "b", "c", "d")]


class Loaded(Reference):
    """Stands for the kernel, without the time it takes to load."""


def signed_until_loaded(monkeypatch: pytest.MonkeyPatch, patient: Patient, most: int) -> int:
    """Documents signed before the kernel was; -1 where ``most`` do not suffice."""
    monkeypatch.setattr("ingest.dedup.signatures.best", Loaded)
    for number in range(most):
        patient.sign(("a", "", "und"), 1, 1)
        if isinstance(patient._engine, Loaded):
            return number
    return -1


def test_shingling_reads_a_kernel_that_is_there_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("ingest.dedup.signatures.best", Loaded)
    monkeypatch.setattr(Shingler, "READING", 2)
    loaded = []
    shingler = Shingler(str(tmp_path))
    for text in ("a", "b", "c", "d", "e"):
        loaded.append(isinstance(shingler._engine, Loaded))
        shingler.shingles(text)
        if text == "b":
            leave_code(tmp_path, "dedup", "shingled")
    assert loaded == [False, False, False, False, True]


def test_a_kernel_is_compiled_once_numpy_took_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(Patient, "UNIT", 50)  # texts of one character
    units = Patient.COMPILING * Patient.UNIT
    due = -(-units // Patient.AGAIN) * Patient.AGAIN - 1
    assert signed_until_loaded(monkeypatch, Patient(str(tmp_path)), 4000) == due
    assert spent(KERNEL, str(tmp_path)) >= Patient.COMPILING
    # Enough was signed by earlier runs: now it is not worth it for a few documents alone.
    assert signed_until_loaded(monkeypatch, Patient(str(tmp_path)), 4000) == Patient.FEW - 1
    assert signed_until_loaded(monkeypatch, Patient(""), 4000) == due


def test_who_compiles_leaves_what_verifying_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Compiling(Loaded):
        def sign(self, document: tuple[str, str, str], rows: int, seed: int) -> Any:
            leave_code(tmp_path, "dedup", "sign")
            return super().sign(document, rows, seed)

        def shingles(self, text: str) -> np.ndarray:
            leave_code(tmp_path, "dedup", "shingled")
            return super().shingles(text)

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("ingest.dedup.signatures.best", Compiling)
    monkeypatch.setattr(Patient, "COMPILING", 0)
    monkeypatch.setattr(Patient, "FEW", 1)
    monkeypatch.setattr(Patient, "READING", 1)
    Patient(str(tmp_path)).sign(("a", "", "und"), 1, 1)
    monkeypatch.setattr(Shingler, "READING", 2)
    shingler = Shingler(str(tmp_path))
    for _ in range(2):
        shingler.shingles("a")
    assert isinstance(shingler._engine, Compiling)


def test_a_few_documents_never_wait_for_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert signed_until_loaded(monkeypatch, Patient(str(tmp_path)), 1000) == -1
    leave_code(tmp_path, "dedup", "sign")
    assert signed_until_loaded(monkeypatch, Patient(str(tmp_path)), 1000) == Patient.READING - 1


def test_while_another_process_compiles_documents_are_signed_in_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(Patient, "COMPILING", 0)
    patient = Patient(str(tmp_path))
    with claim("kernel", str(tmp_path)) as mine:
        assert mine
        assert signed_until_loaded(monkeypatch, patient, 2 * Patient.FEW) == -1
    assert signed_until_loaded(monkeypatch, patient, Patient.AGAIN) >= 0


def test_no_document_is_charged_for_loading(monkeypatch: pytest.MonkeyPatch):
    left: list[float] = []

    def slow(folder: str) -> Reference:
        left.append(signal.getitimer(signal.ITIMER_REAL)[0])
        return Reference(folder)

    monkeypatch.setattr("ingest.dedup.signatures.best", slow)
    monkeypatch.setattr(Patient, "COMPILING", 0)
    monkeypatch.setattr(Patient, "FEW", 1)
    monkeypatch.setattr(Patient, "READING", 1)
    signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        Patient("").sign(("a", "", "und"), 1, 1)
        assert left == [0.0]
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_one_large_document_is_worth_the_kernel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ingest.dedup.signatures.best", Loaded)
    monkeypatch.setattr(Patient, "UNIT", 10)
    patient = Patient("")
    patient.sign(("a" * (Patient.LARGE * 10 - 1), "", "und"), 1, 1)
    assert not isinstance(patient._engine, Loaded)
    patient.sign(("a" * Patient.LARGE * 10, "", "und"), 1, 1)
    assert isinstance(patient._engine, Loaded)
