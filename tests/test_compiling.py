from __future__ import annotations

import importlib
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ingest import compiling

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("numba")


def double(values: np.ndarray) -> np.ndarray:
    return values * 2


@pytest.fixture
def no_cache_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)


@pytest.mark.usefixtures("no_cache_variable")
def test_compiled_code_is_kept_in_the_folder(tmp_path: Path):
    compiling.ready(double, str(tmp_path / "cache"), (np.ones(1),))
    assert list((tmp_path / "cache").rglob("*.nbc"))


@pytest.mark.usefixtures("no_cache_variable")
def test_a_number_written_out_is_of_its_type_alone(tmp_path: Path):
    @compiling.inner
    def product(one: int, other: int) -> int:
        return one * other

    def all_products(number: int) -> int:
        return product(2, number) + product(number, 3) + product(number, other=number)

    assert compiling.ready(all_products, str(tmp_path), (1,))(7) == 14 + 21 + 49
    assert len(product.signatures) == 1


def test_one_process_compiles_and_the_others_wait(tmp_path: Path):
    entered, go = threading.Event(), threading.Event()

    def second() -> None:
        go.wait()
        with compiling._one_compiles(tmp_path, "double"):
            entered.set()

    waiting = threading.Thread(target=second)
    waiting.start()
    with compiling._one_compiles(tmp_path, "double"):
        go.set()
        assert not entered.wait(0.2)
    waiting.join()
    assert entered.is_set()
    (tmp_path / "kernel.double-1.nbi").touch()
    with (tmp_path / "double.lock").open("w") as lock:
        compiling.fcntl.flock(lock, compiling.fcntl.LOCK_EX)
        with compiling._one_compiles(tmp_path, "double"):
            pass  # nobody waits once there is something to read


@pytest.mark.usefixtures("no_cache_variable")
def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    ready = compiling.ready(double, str(tmp_path / "file" / "cache"), (np.ones(1),))
    assert ready(np.ones(1)).tolist() == [2.0]


@pytest.mark.usefixtures("no_cache_variable")
def test_a_damaged_cache_is_done_without(tmp_path: Path):
    compiling.ready(double, str(tmp_path), (np.ones(1),))
    for path in tmp_path.rglob("*.nb?"):
        path.write_bytes(b"damaged")
    ready = compiling.ready(double, str(tmp_path), (np.ones(1),))
    assert ready(np.ones(1)).tolist() == [2.0]


def test_the_variable_goes_before_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "chosen"))
    compiling.ready(double, str(tmp_path / "other"), (np.ones(1),))
    assert list((tmp_path / "chosen").rglob("*.nbc"))
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("no_cache_variable")
def test_what_is_kept_is_known_by_name(tmp_path: Path):
    assert not compiling.kept("double", __file__, str(tmp_path))
    compiling.ready(double, str(tmp_path), (np.ones(1),))
    assert compiling.kept("double", __file__, str(tmp_path))
    assert not compiling.kept("ouble", __file__, str(tmp_path))
    assert not compiling.kept("double", compiling.__file__, str(tmp_path)), "another version"
    assert not compiling.kept("double", __file__, "")


@pytest.mark.usefixtures("no_cache_variable")
def test_one_process_holds_a_name(tmp_path: Path):
    with compiling.claim("it", str(tmp_path)) as first, compiling.claim("it", str(tmp_path)) as no:
        assert (first, no) == (True, False)
    with compiling.claim("it", str(tmp_path)) as again, compiling.claim("it", "") as alone:
        assert (again, alone) == (True, True)


def test_an_items_time_limit_stands_still():
    signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        with compiling.untimed():
            assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.mark.usefixtures("no_cache_variable")
def test_what_a_changed_module_calls_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """numba looks at the file of the function alone; its callees are compiled into it."""
    for name, source in (
        ("callee", "import numba\n@numba.njit\ndef one(x):\n    return x + 1\n"),
        ("caller", "from callee import one\ndef twice(x):\n    return one(one(x))\n"),
    ):
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    def made() -> int:
        for name in ("callee", "caller"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        compiling.sources.cache_clear()  # as in a process of its own
        caller = importlib.import_module("caller")
        return compiling.ready(caller.twice, str(tmp_path / "cache"), (1,))(1)

    assert made() == 3
    (tmp_path / "callee.py").write_text(
        "import numba\n@numba.njit\ndef one(x):\n    return x + 10\n"
    )
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    assert made() == 21
