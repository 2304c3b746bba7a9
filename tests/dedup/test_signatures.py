from __future__ import annotations

import pickle
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dedup.shingles import shingles
from ingest.dedup.signatures import Reference, Shingler, Signer, engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

compiled = pytest.importorskip("ingest.dedup.compiled")

STORY = """Jack Ma meets Donald Trump
The Chinese billionaire Jack Ma met President-elect Donald Trump in New York on Monday, and
spoke of a million jobs that Alibaba would create. 北京大学生前来应聘。Ещё Немного Слов, naïve."""
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=())),
    st.text(alphabet="ab AB\n北京.é_1"),
    st.lists(st.sampled_from(STORY.split(" ")), max_size=120).map(" ".join),
)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NUMBA_CACHE_DIR", raising=False)
        yield compiled.load(str(tmp_path_factory.mktemp("kernel")))


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


def test_a_signer_pickles_and_signs_alike():
    signer = Signer(permutations=16)
    again = pickle.loads(pickle.dumps(signer))  # noqa: S301 - our own bytes
    assert again == signer
    assert again.near("one two three four five six").shape == (16,)


def test_without_numba_the_reference_signs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ingest.dedup.compiled", None)
    monkeypatch.delattr("ingest.dedup.compiled", raising=False)
    engine.cache_clear()
    try:
        assert isinstance(engine(""), Reference)
        assert Signer().sign(STORY, "Jack Ma", "en").near.shape == (128,)
    finally:
        engine.cache_clear()


def double(values: np.ndarray) -> np.ndarray:
    return values * 2


@pytest.fixture
def no_cache_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)


@pytest.mark.usefixtures("no_cache_variable")
def test_compiled_code_is_kept_in_the_folder(tmp_path: Path):
    compiled._ready(double, str(tmp_path / "cache"), (np.ones(1),))
    assert list((tmp_path / "cache").rglob("*.nbc"))


@pytest.mark.usefixtures("no_cache_variable")
def test_one_process_compiles_and_the_others_wait(tmp_path: Path):
    entered, go = threading.Event(), threading.Event()

    def second() -> None:
        go.wait()
        with compiled._one_compiles(tmp_path, "double"):
            entered.set()

    waiting = threading.Thread(target=second)
    waiting.start()
    with compiled._one_compiles(tmp_path, "double"):
        go.set()
        assert not entered.wait(0.2)
    waiting.join()
    assert entered.is_set()
    (tmp_path / "kernel.double-1.nbi").touch()
    with (tmp_path / "double.lock").open("w") as lock:
        compiled.fcntl.flock(lock, compiled.fcntl.LOCK_EX)
        with compiled._one_compiles(tmp_path, "double"):
            pass  # nobody waits once there is something to read


@pytest.mark.usefixtures("no_cache_variable")
def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    ready = compiled._ready(double, str(tmp_path / "file" / "cache"), (np.ones(1),))
    assert ready(np.ones(1)).tolist() == [2.0]


@pytest.mark.usefixtures("no_cache_variable")
def test_a_damaged_cache_is_done_without(tmp_path: Path):
    compiled._ready(double, str(tmp_path), (np.ones(1),))
    for path in tmp_path.rglob("*.nb?"):
        path.write_bytes(b"damaged")
    ready = compiled._ready(double, str(tmp_path), (np.ones(1),))
    assert ready(np.ones(1)).tolist() == [2.0]


def test_the_variable_goes_before_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "chosen"))
    compiled._ready(double, str(tmp_path / "other"), (np.ones(1),))
    assert list((tmp_path / "chosen").rglob("*.nbc"))
    assert not (tmp_path / "other").exists()


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
    monkeypatch.setattr("ingest.dedup.signatures.engine", Loud)
    monkeypatch.setattr(Shingler, "PATIENCE", 3)
    shingler = Shingler()
    found = [shingler.shingles(text).tolist() for text in ("a", "b", "c", "d")]
    assert asked == ["c", "d"]
    assert found == [shingles(text).tolist() for text in ("a", "b", "c", "d")]
