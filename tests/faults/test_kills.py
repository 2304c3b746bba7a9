"""Killed at any step of a run, a project goes on as if it had not been."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest
from disturbed import Driver, Watcher, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POINTS = (
    "batch-begun", "batch-decided", "batch-flushed", "batch-committed",
    "begun", "shard", "rewritten", "documents", "links", "changes", "companions", "manifest",
    "synced", "sealed", "renamed", "current", "settled", "shown", "cleaned",
)  # fmt: skip


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_killed_at_every_point(tmp_path: Path, driver: Driver) -> None:
    rng = random.Random(1)
    world = World(tmp_path, rng, driver, documents=40)
    world.change()
    passed = driver(world.twin)["points"]
    assert set(passed) == set(POINTS)
    world.check_recovered()
    with Watcher(world.disturbed.store / "corpus") as watcher:
        for point in POINTS:
            world.change()
            nth = rng.randrange(2) if passed.count(point) > 1 else 0
            killed = driver(world.disturbed, point=point, nth=nth)
            assert killed["code"] == -9, (point, nth)
            world.check_killed()
            world.check_recovered()
    assert watcher.looks > 5


def test_killed_in_the_first_run_and_while_recovering(tmp_path: Path, driver: Driver) -> None:
    rng = random.Random(2)
    for at, points in enumerate((("batch-committed", "sealed"), ("sealed", "renamed"))):
        world = World(tmp_path / str(at), rng, driver, documents=40)
        world.change()
        for point in points:
            assert driver(world.disturbed, point=point)["code"] == -9
            world.check_killed()
        world.check_recovered()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_two_hundred_random_moments(tmp_path: Path, driver: Driver) -> None:
    rng = random.Random(3)
    world = World(tmp_path, rng, driver, documents=3000)
    killed = 0
    with Watcher(world.disturbed.store / "corpus") as watcher:
        while killed < 200:
            world.change()
            began = time.monotonic()
            driver(world.twin)
            usual = time.monotonic() - began
            for _ in range(rng.randint(1, 6)):
                killed += driver(world.disturbed, after=rng.uniform(0, usual))["code"] == -9
                world.check_killed()
            world.check_recovered()
    assert watcher.looks > 100
