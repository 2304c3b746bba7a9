"""The daemon as a real process: schedules, signals, its end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.conftest import Project


def test_runs_each_source_on_its_schedule_and_sigterm_ends_it_cleanly(project: Project) -> None:
    project.write("one", 1, 2)
    project.write("two", 3)
    project.configure(
        {"name": "one", "schedule": "every 1s"}, {"name": "two", "schedule": "every 1h"}
    )
    daemon = project.daemon()
    daemon.wait_for("published", documents=3)
    project.write("one", 4)
    daemon.wait_for("published", documents=4)
    assert daemon.stop() == 0
    assert {line["source_id"] for line in project.corpus()} == {
        "000001.txt", "000002.txt", "000003.txt", "000004.txt",
    }  # fmt: skip
    assert [line["source"] for line in daemon.events("source ended")].count("two") == 1


def test_sigint_ends_it_too(project: Project) -> None:
    project.configure({"name": "one", "schedule": "every 1h"})
    daemon = project.daemon()
    daemon.wait_for("source ended")
    daemon.send(signal.SIGINT)
    assert daemon.wait() == 0
