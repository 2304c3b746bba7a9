"""What the engine of worker processes costs: overhead an item, and speed-up on two workers.

    python benchmarks/engine.py

Columns: the plain loop, `Inline`, and `Processes` with one and two workers; then the
processor time that the caller's process spent with two, which is the overhead whatever
else the machine does.  Work: nothing at all on items of several sizes, then 1 and 10 ms
of processor time, with the caller's thread idle or busy itself; and 10 ms of sleep, whose
speed-up tells how well the workers are kept at work even on a busy machine.
"""

from __future__ import annotations

import functools
import os
import platform
import time
from typing import TYPE_CHECKING

from ingest.engine.base import Limits
from ingest.engine.inline import Inline
from ingest.engine.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ingest.engine.base import Engine


def spin(seconds: float, item: object) -> object:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return item


def make(seconds: float) -> Callable[[object], object]:
    """Work of so many seconds; 0: none; below 0: asleep."""
    if seconds < 0:
        return nap
    return functools.partial(spin, seconds) if seconds else same


def same(item: object) -> object:
    return item


def nap(item: object) -> object:
    time.sleep(0.01)
    return item


def always(_: object) -> bool:
    return True


def loop(seconds: float, items: Iterable[object], then: Callable[[], object]) -> None:
    work = make(seconds)
    for item in items:
        work(item)
        then()


def run(
    engine: Engine, seconds: float, items: Iterable[object], then: Callable[[], object]
) -> None:
    for _ in engine.map(functools.partial(make, seconds), items, always):
        then()


def timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def row(name: str, seconds: float, items: Sequence[object], busy: float) -> None:
    """One line of the table: microseconds an item for each way, and the speed-up."""
    then = functools.partial(spin, busy, None) if busy else list
    plain = timed(lambda: loop(seconds, items, then))
    inline = timed(lambda: run(Inline(), seconds, items, then))
    cells = [plain, inline]
    for workers in (1, 2):
        with Processes(workers, Limits(), lambda _: ("ingest.engine.processes",)) as engine:
            run(engine, seconds, items[:64], then)  # workers start
            processor = time.process_time()
            cells.append(timed(lambda e=engine: run(e, seconds, items, then)))
            processor = time.process_time() - processor
    micros = "".join(f"{cell / len(items) * 1e6:>12,.1f}" for cell in (*cells, processor))
    print(f"{name:<30}{micros}{plain / cells[-1]:>10.2f}")


def start() -> None:
    """What the first result costs: the fork server's start, then only a fork."""
    for name in ("first worker of the process", "first worker of a later engine"):
        with Processes(1, Limits()) as engine:
            seconds = timed(lambda e=engine: run(e, 0, [1], list))
        print(f"{name:<30}{seconds * 1e3:>10.0f} ms")


def main() -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; microseconds an item")
    columns = ("loop", "Inline", "1 worker", "2 workers", "caller")
    print(f"{'':<30}{''.join(f'{column:>12}' for column in columns)}{'speed-up':>10}")
    row("nothing, an integer", 0, range(50_000), 0)
    row("nothing, 2 KB", 0, [os.urandom(2048) for _ in range(20_000)], 0)
    row("nothing, 100 KB", 0, [os.urandom(100_000)] * 2000, 0)
    row("1 ms", 1e-3, range(1500), 0)
    row("1 ms, caller busy 0.5 ms", 1e-3, range(1500), 5e-4)
    row("10 ms", 1e-2, range(200), 0)
    row("10 ms, caller busy 1 ms", 1e-2, range(200), 1e-3)
    row("10 ms asleep", -1, range(200), 0)
    row("10 ms asleep, caller busy 1 ms", -1, range(200), 1e-3)
    start()


if __name__ == "__main__":
    main()
