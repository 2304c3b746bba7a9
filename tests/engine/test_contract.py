"""What every engine must do, run over each of them."""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Any

import engine_work
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.engine.base import Casualty, Limits
from ingest.engine.inline import Inline
from ingest.engine.processes import AHEAD_ITEMS, Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.engine.base import Engine


def libraries(_: object) -> tuple[str, ...]:
    return "pytest", "numpy"


@pytest.fixture(scope="module", params=["inline", "one process", "three processes"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "inline":
        yield Inline()
        return
    workers = {"one process": 1, "three processes": 3}[request.param]
    with Processes(workers, Limits(seconds=20), preload=libraries) as engine:
        yield engine


def always(_: object) -> bool:
    return True


def never(_: object) -> bool:
    return False


def test_every_item_comes_with_its_result_in_order(engine: Engine) -> None:
    pairs = list(engine.map(engine_work.make_double, range(5000), always))
    assert pairs == [(n, 2 * n) for n in range(5000)]


def test_nothing_in_nothing_out(engine: Engine) -> None:
    assert list(engine.map(engine_work.make_double, [], always)) == []


def test_items_that_do_not_concern_keep_their_place(engine: Engine) -> None:
    pairs = engine.map(engine_work.make_double, range(3000), lambda n: n % 3 == 0)
    assert list(pairs) == [(n, None if n % 3 else 2 * n) for n in range(3000)]


def test_items_that_do_not_concern_are_the_very_same(engine: Engine) -> None:
    items = [threading.Lock(), object()]  # a lock cannot be pickled
    given_back = [item for item, _ in engine.map(engine_work.make_double, items, never)]
    assert all(a is b for a, b in zip(items, given_back, strict=True))


def test_make_is_not_called_for_nothing(engine: Engine) -> None:
    pairs = list(engine.map(engine_work.make_nothing, range(3), never))
    assert pairs == [(0, None), (1, None), (2, None)]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 40_000)), max_size=60).map(
        lambda rows: [(ms, concerns, b"x" * size) for ms, concerns, size in rows]
    )
)
def test_order_holds_whatever_items_cost(
    engine: Engine, rows: list[tuple[int, bool, bytes]]
) -> None:
    pairs = engine.map(engine_work.make_nap, [row[0] for row in rows], lambda n: n > 0)
    assert list(pairs) == [(row[0], row[0] or None) for row in rows]


def test_what_the_work_raises_is_raised_at_its_turn(engine: Engine) -> None:
    items = ["a", "b", "raise:me", "c", "raise:not me"]
    results = engine.map(engine_work.make_act, items, always)
    assert [next(results), next(results)] == [("a", "A"), ("b", "B")]
    with pytest.raises(LookupError, match="raise:me") as caught:
        next(results)
    trace = "".join(traceback.format_exception(caught.value))  # with its notes
    assert "in fail\n" in trace, "the traceback must lead into the work"


def test_what_make_raises_is_raised(engine: Engine) -> None:
    with pytest.raises(LookupError, match="no model file"):
        list(engine.map(engine_work.make_nothing, [1], always))


def test_what_the_items_raise_is_raised(engine: Engine) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(engine.map(engine_work.make_double, items(), always))


def test_exit_and_want_of_memory_are_casualties(engine: Engine) -> None:
    pairs = list(engine.map(engine_work.make_act, ["a", "exit", "no memory", "b"], always))
    assert pairs[0] == ("a", "A")
    assert pairs[1] == ("exit", Casualty("crash", "exited with 4"))
    assert isinstance(pairs[2][1], Casualty)
    assert pairs[2][1].reason == "memory"
    assert pairs[3] == ("b", "B")


def test_closing_early_stops_reading(engine: Engine) -> None:
    read = 0

    def items() -> Iterator[int]:
        nonlocal read
        for n in range(10 * AHEAD_ITEMS):
            read = n
            yield n

    results = engine.map(engine_work.make_double, items(), always)
    assert next(results) == (0, 0)
    results.close()
    assert read <= AHEAD_ITEMS
    assert list(engine.map(engine_work.make_double, [4], always)) == [(4, 8)]


def test_nothing_is_read_before_it_is_asked_for(engine: Engine) -> None:
    def items() -> Iterator[int]:
        pytest.fail("read too early")
        yield 1

    engine.map(engine_work.make_double, items(), always).close()


def test_items_are_read_in_the_thread_that_asks(engine: Engine) -> None:
    threads = set()

    def items() -> Iterator[int]:
        for n in range(100):
            threads.add(threading.current_thread())
            yield n

    list(engine.map(engine_work.make_double, items(), always))
    assert threads == {threading.current_thread()}


def test_one_map_after_another(engine: Engine) -> None:
    for _ in range(3):
        assert list(engine.map(engine_work.make_double, [1], always)) == [(1, 2)]
        assert list(engine.map(engine_work.make_act, ["a"], always)) == [("a", "A")]


def test_close_twice_and_go_on() -> None:
    engines: list[Any] = [Inline(), Processes(1, preload=libraries)]
    for engine in engines:
        engine.close()
        list(engine.map(engine_work.make_double, [1], always))
        engine.close()
        engine.close()
        assert list(engine.map(engine_work.make_double, [1], always)) == [(1, 2)]
        engine.close()
