"""What only worker processes can do: be killed, and harm nobody by it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import engine_work
import psutil
import pytest

from ingest.engine.base import Casualty, Limits
from ingest.engine.processes import Processes
from ingest.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def libraries(_: object) -> tuple[str, ...]:
    return "pytest", "numpy"


def always(_: object) -> bool:
    return True


def run(
    make: Callable[[], Callable[[Any], Any]], items: Sequence[Any], limits: Limits, workers: int = 2
) -> list[Any]:
    """The results of all items, in order."""
    with Processes(workers, limits, libraries) as engine:
        pairs = list(engine.map(make, items, always))
    assert [item for item, _ in pairs] == list(items)
    return [result for _, result in pairs]


def among(culprit: str, neighbours: int) -> list[str]:
    """The culprit in the middle of innocent items."""
    return [*(f"a{n}" for n in range(neighbours)), culprit, *(f"z{n}" for n in range(neighbours))]


def check_only(culprit: str, items: list[str], results: list[Any]) -> Casualty:
    """Every item but the culprit has its result; the culprit's casualty."""
    expected = [None if item == culprit else item.upper() for item in items]
    found = [None if isinstance(result, Casualty) else result for result in results]
    assert found == expected
    (casualty,) = (result for result in results if isinstance(result, Casualty))
    return casualty


@pytest.mark.parametrize(
    ("culprit", "detail"),
    [
        ("abort", "killed by SIGABRT"),
        ("segfault", "killed by SIGSEGV"),
        ("kill", "killed by SIGKILL"),
        ("kill in sending", "killed by SIGKILL"),
        ("leave", "exited with 3"),
    ],
)
def test_a_crash_is_one_items_alone(culprit: str, detail: str) -> None:
    items = among(culprit, 20)
    results = run(engine_work.make_act, items, Limits())
    assert check_only(culprit, items, results) == Casualty("crash", detail)


@pytest.mark.parametrize("culprit", ["hang", "hang in C"])
def test_a_hang_is_ended_by_the_time_limit(culprit: str) -> None:
    items = among(culprit, 20)
    started = time.monotonic()
    results = run(engine_work.make_act, items, Limits(seconds=0.5))
    assert check_only(culprit, items, results) == Casualty("timeout", "more than 0.5 s")
    assert time.monotonic() - started < 6


def test_the_time_limit_is_of_an_item_not_of_a_chunk() -> None:
    """Eight items share the first chunk and take 0.8 s together."""
    assert run(engine_work.make_nap, [100] * 16, Limits(seconds=0.4), workers=1) == [100] * 16


def test_waiting_between_items_costs_no_time_limit() -> None:
    with Processes(1, Limits(seconds=0.2), libraries) as engine:
        results = engine.map(engine_work.make_nap, iter([1, 1]), always)
        next(results)
        engine_pids = engine.pids
        time.sleep(0.5)  # the consumer is slow; the worker is idle
        assert list(results) == [(1, 1)]
        assert engine.pids == engine_pids


def test_a_memory_hog_is_killed_and_named() -> None:
    items = [0.01, 0.01, 2.0, 0.01, 0.01]
    results = run(engine_work.make_hold, items, Limits(memory=600 << 20))
    hog = results.pop(2)
    assert isinstance(hog, Casualty)
    assert (hog.reason, hog.detail.endswith("limit 600 MiB")) == ("memory", True)
    assert results == [10, 10, 10, 10]


def test_a_worker_that_leaks_is_replaced_before_it_hurts() -> None:
    """Forty items leak 25 MiB each: one worker would pass 600 MiB at the twentieth."""
    results = run(engine_work.make_keep, [25] * 40, Limits(memory=600 << 20), workers=1)
    assert all(isinstance(result, tuple) for result in results), results
    assert len({pid for pid, _ in results}) > 1


def test_a_limit_below_a_worker_at_rest_is_said_at_once() -> None:
    with (
        Processes(1, Limits(memory=1 << 20), libraries) as engine,
        pytest.raises(IngestError, match="before its first item: memory"),
    ):
        list(engine.map(engine_work.make_nap, [500] * 3, always))


def test_a_worker_that_cannot_start_is_said_at_once() -> None:
    with (
        Processes(2, Limits(), libraries) as engine,
        pytest.raises(IngestError, match="before its first item: crash, killed by SIGABRT"),
    ):
        list(engine.map(engine_work.make_abort, [1], always))


def test_every_item_a_killer() -> None:
    results = run(engine_work.make_act, ["abort", "leave"] * 6, Limits())
    assert [result.reason for result in results] == ["crash"] * 12


def test_an_idle_worker_killed_from_outside_costs_nothing() -> None:
    with Processes(1, Limits(), libraries) as engine:
        ((_, first),) = engine.map(engine_work.make_pid, [1], always)
        assert isinstance(first, int)
        os.kill(first, signal.SIGKILL)
        ((_, second),) = engine.map(engine_work.make_pid, [2], always)
        assert isinstance(second, int)


def test_a_result_that_cannot_be_pickled_is_a_bug() -> None:
    with pytest.raises(TypeError, match="cannot pickle 'generator'") as caught:
        run(engine_work.make_act, ["a", "unpicklable", "b"], Limits())
    assert any("a result of type generator" in note for note in caught.value.__notes__)


def test_an_item_that_cannot_be_pickled_is_a_bug() -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        run(engine_work.make_act, ["a", threading.Lock()], Limits())


def test_an_exception_that_cannot_be_pickled_is_still_told() -> None:
    with pytest.raises(RuntimeError, match="BadError: ab") as caught:
        run(engine_work.make_act, ["raise badly"], Limits())
    assert any("in fail_badly" in note for note in caught.value.__notes__)


def test_huge_results_come_through() -> None:
    sizes = [len(result) for result in run(engine_work.make_act, ["big", "a", "big"], Limits())]
    assert sizes == [50 << 20, 1, 50 << 20]


def test_what_libraries_print_stays_out_of_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    run(engine_work.make_act, ["print"], Limits())
    assert capfd.readouterr().out == ""


def test_modules_beside_the_program_do_not_shadow_what_is_preloaded(
    program: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    process = program(["b"], cwd=tmp_path)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


# --- when workers are started, and when they go ---------------------------------------


def test_no_worker_where_nothing_concerns() -> None:
    with Processes(2, Limits(), libraries) as engine:
        threads = threading.active_count()
        assert len(list(engine.map(engine_work.make_double, range(100), lambda _: False))) == 100
        assert engine.pids == ()
        assert threading.active_count() == threads


def test_one_worker_for_one_item() -> None:
    with Processes(8, Limits(), libraries) as engine:
        list(engine.map(engine_work.make_double, [1], always))
        assert len(engine.pids) == 1


def test_make_is_called_once_in_each_worker(tmp_path: Path) -> None:
    log = tmp_path / "made"
    make = functools.partial(engine_work.make_noting, str(log))
    with Processes(3, Limits(), libraries) as engine:
        for _ in range(3):
            list(engine.map(make, range(2000), always))
        made = [int(line) for line in log.read_text().split()]
        assert len(made) == len(set(made)) >= 1
        assert set(made) <= set(engine.pids)


def test_libraries_are_kept_from_starting_threads_before_the_fork() -> None:
    names = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]
    assert run(engine_work.make_environment, names, Limits()) == ["1", "1"]


def test_two_maps_at_once_are_refused() -> None:
    with Processes(1, Limits(), libraries) as engine:
        first = engine.map(engine_work.make_double, [1, 2], always)
        next(first)
        with pytest.raises(RuntimeError, match="another map"):
            next(engine.map(engine_work.make_double, [1], always))


def test_closing_early_kills_what_is_in_flight() -> None:
    with Processes(3, Limits(), libraries) as engine:  # as many as items: each alone in its chunk
        results = engine.map(engine_work.make_act, ["a", "hang", "hang"], always)
        assert next(results) == ("a", "A")
        workers = [psutil.Process(pid) for pid in engine.pids]
        started = time.monotonic()
        results.close()
        assert time.monotonic() - started < 5
        assert gone(workers)


def test_nothing_is_left_open_by_workers_that_died() -> None:
    with Processes(2, Limits(), libraries) as engine:
        list(engine.map(engine_work.make_act, ["abort"] * 4, always))
        before = psutil.Process().num_fds()
        list(engine.map(engine_work.make_act, ["abort"] * 20, always))
        assert psutil.Process().num_fds() <= before + 8  # as many as the two workers have


def gone(processes: list[psutil.Process], seconds: float = 5) -> bool:
    return not psutil.wait_procs(processes, timeout=seconds)[1]


SCRIPT = """
    import signal
    import sys
    import engine_work
    from ingest.engine.base import Limits
    from ingest.engine.processes import Processes

    def main():
        # Whoever starts the tests in the background of a shell has this ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        items = ["a", *{items}]
        engine = Processes(len(items), Limits(seconds={seconds}), lambda _: ("numpy",))
        try:
            for item, result in engine.map(engine_work.make_act, items, lambda _: True):
                print(item, result, *engine.pids, flush=True)
        finally:
            if {close}:
                engine.close()

    if __name__ == "__main__":
        main()
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program that runs an engine; it prints item, result and workers as it goes."""
    started = []
    importable = str(Path(__file__).parent / "importable")

    def start(
        items: list[str], *, seconds: float = 30, close: bool = True, cwd: Path | None = None
    ) -> Any:
        script = tmp_path / "programs" / "program.py"
        script.parent.mkdir()
        script.write_text(textwrap.dedent(SCRIPT).format(items=items, seconds=seconds, close=close))
        process = subprocess.Popen(
            [sys.executable, script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([importable, *sys.path])},
            start_new_session=True,
            cwd=cwd,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers, once the program has its first result, and the fork server with them."""
    assert process.stdout is not None
    item, result, *pids = process.stdout.readline().split()
    assert (item, result) == ("a", "A")
    descendants = psutil.Process(process.pid).children(recursive=True)
    assert {int(pid) for pid in pids} <= {child.pid for child in descendants}
    return descendants


@pytest.mark.parametrize(("hang", "seconds"), [("hang", 60), ("hang in C", 2)])
def test_no_orphans_when_the_parent_is_killed(
    program: Callable[..., subprocess.Popen[str]], hang: str, seconds: float
) -> None:
    """At once where the interpreter runs; by the time limit where it does not."""
    process = program([hang, hang], seconds=seconds)
    family = first_line(process)
    process.kill()
    assert gone(family, 8)


def test_an_interrupt_reaches_the_parent_alone(
    program: Callable[..., subprocess.Popen[str]],
) -> None:
    process = program(["hang", "hang"])
    family = first_line(process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
    _, errors = process.communicate(timeout=30)
    assert process.returncode in {1, -signal.SIGINT, 128 + signal.SIGINT}
    assert errors.count("Traceback") == 1, errors
    assert gone(family)


def test_workers_outlive_a_signal_to_the_group(
    program: Callable[..., subprocess.Popen[str]],
) -> None:
    """A service manager ends a group by SIGTERM; the parent may want its last results."""
    process = program(["hang:" + "x" * 10, "b"], seconds=2)
    for child in first_line(process):
        if child.pid != process.pid and "resource_tracker" not in " ".join(child.cmdline()):
            child.terminate()
            child.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "timeout" in output
    assert "b B" in output


def test_a_program_that_forgets_to_close_still_ends(
    program: Callable[..., subprocess.Popen[str]],
) -> None:
    process = program(["b"], close=False)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    pids = {int(pid) for line in output.splitlines() for pid in line.split()[2:]}
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)
