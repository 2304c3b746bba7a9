"""The daemon as a real process: schedules, signals, HTTP, its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ingest.daemon.serving import alone
from ingest.documents import document_id
from ingest.pipeline import TOLD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    assert [line["source_id"] for line in project.corpus()].count("000004.txt") == 1
    assert len(project.corpus()) == 4
    assert [line["source"] for line in daemon.events("source ended")].count("two") == 1


def test_the_log_names_runs_and_documents_and_holds_no_text(project: Project) -> None:
    for name, content in {
        "a.txt": "xylophone " * 50,
        "empty.txt": "",
        "lines.jsonl": '{"id": "1", "text": "xylophone"}\n{"id": "2", "text": "xylophone \n',
        "picture.txt": "\x89PNG\r\n\x1a\n xylophone \0\1\2\3" * 9,
        "short.txt": "xylophone",
    }.items():
        (project.source_folder("one") / name).write_text(content)
    many = "\n".join(f"{{xylophone {number}" for number in range(TOLD + 8))
    (project.source_folder("bad") / "many.jsonl").write_text(many)
    project.configure(
        {"name": "bad", "schedule": "every 1h"}, {"name": "one", "schedule": "every 1h"}
    )
    with project.config.open("a") as settings:
        settings.write('[[source.step]]\nuse = "min_words"\nwords = 5\n')
    daemon = project.daemon()
    ended = [daemon.wait_for("source ended") for _ in range(2)]
    assert sorted(line["quarantined"] for line in ended) == [5, TOLD + 8]
    assert daemon.stop() == 0
    assert not daemon.events("not JSON")
    assert all("run_id" in line for line in daemon.log if "source" in line)
    assert "xylophone" not in json.dumps(daemon.log)
    told = daemon.events("document quarantined")
    assert [line["source"] for line in told].count("bad") == TOLD
    assert [line["source"] for line in daemon.events("more documents quarantined")] == ["bad"]
    ours = {line["item"]: line for line in told if line["source"] == "one"}
    assert ours["empty.txt"]["document"] == document_id("one", "empty.txt")
    assert ours["short.txt"]["stage"] == "step:min_words"
    assert len(ours) == 5


def test_workers_stand_ready_for_the_first_file_that_is_dropped(
    project: Project, until: Callable[..., float]
) -> None:
    """From the moment in which the daemon says that it is ready.

    Within 3 seconds where a folder is watched, 10 with `every 5s`; twice that for a busy CI.
    """
    project.source_folder("watched")
    project.configure(
        {"name": "watched", "schedule": "on change"},
        {"name": "often", "schedule": "every 5s"},
        workers=1,
    )
    daemon = project.daemon()
    daemon.wait_for("daemon started")
    assert [line["source"] for line in daemon.events("workers ready")] == ["watched", "often"]
    project.write("watched", 1)
    assert until(lambda: len(project.corpus()) == 1) < 6.0
    project.write("often", 2)
    assert until(lambda: len(project.corpus()) == 2) < 20.0
    assert daemon.stop() == 0


def test_sighup_takes_on_good_settings_and_refuses_bad_ones(project: Project) -> None:
    project.write("one", 1)
    project.write("two", 2)
    project.configure({"name": "one", "schedule": "every 1h"})
    daemon = project.daemon()
    daemon.wait_for("source ended", source="one")
    project.config.write_text("[[source]]\nname = 'x'\nschedule = 'now and then'\n")
    daemon.send(signal.SIGHUP)
    assert "schedule" in daemon.wait_for("settings refused")["reason"]
    project.configure(
        {"name": "one", "schedule": "every 1h"}, {"name": "two", "schedule": "every 1h"}
    )
    daemon.send(signal.SIGHUP)
    daemon.wait_for("settings reloaded", sources=2)
    daemon.wait_for("source ended", source="two")
    assert daemon.stop() == 0
    assert len(daemon.events("source ended")) == 2


def test_a_restart_catches_up_once_and_only_with_what_was_missed(project: Project) -> None:
    project.write("late", 1)
    project.write("fresh", 2)
    settings = [{"name": "late", "schedule": "every 1h"}, {"name": "fresh", "schedule": "every 1h"}]
    project.configure(*settings)
    ago = datetime.now(UTC) - timedelta(hours=5)
    assert project.run("late", clock=lambda: ago) == "done"
    assert project.run("fresh") == "done"
    daemon = project.daemon()
    daemon.wait_for("source ended", source="late")
    assert daemon.stop() == 0
    assert [line["source"] for line in daemon.events("source started")] == ["late"]


def test_two_daemons_on_one_store_are_one_too_many(project: Project) -> None:
    project.configure({"name": "one", "schedule": "every 1h"})
    settings = project.settings()
    with alone(settings):
        second = project.ingest("daemon")
        assert second.returncode == 3
        assert f"another daemon (process {os.getpid()}) serves this store" in second.stderr
    with alone(settings):
        pass


def test_a_run_from_the_command_line_waits_its_turn(project: Project) -> None:
    project.write("one", *range(1, 30))
    (project.folder / "extra.txt").write_text("Something else entirely. " * 20)
    project.configure({"name": "one", "schedule": "every 1s"})
    daemon = project.daemon()
    daemon.wait_for("source started")
    done = project.ingest("run", "extra.txt", "--wait", "50")
    assert done.returncode == 0, done.stderr
    daemon.wait_for("source ended")
    assert daemon.stop() == 0
    assert len(project.corpus()) == 30


def test_systemd_is_told(project: Project, tmp_path: Path) -> None:
    project.configure({"name": "one", "schedule": "every 1h"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.settimeout(60)
        daemon = project.daemon(NOTIFY_SOCKET=str(tmp_path / "n"), WATCHDOG_USEC="1000000")
        heard = [manager.recv(200).decode() for _ in range(6)]
        assert daemon.stop() == 0
        while (last := manager.recv(200).decode()) != "STOPPING=1":
            assert last == "WATCHDOG=1" or last.startswith("STATUS=")
    assert heard[0] == "READY=1"
    assert heard.count("WATCHDOG=1") >= 2


# --- the end --------------------------------------------------------------------------

HANGING = '''
from collections.abc import Iterator
import time
from ingest.read.base import ReaderSettings

class Hanging(ReaderSettings):
    """Never gives anything, and never asks whether to stop."""

    def check(self, context): pass

    def read(self, cursor, context):
        time.sleep(3600)
        yield
'''


@pytest.fixture
def hanging(project: Project) -> Project:
    """A project for which a reader that hangs is installed."""
    folder = project.folder / "modules"
    (folder / "hanging-1.dist-info").mkdir()
    (folder / "hanging.py").write_text(HANGING)
    (folder / "hanging-1.dist-info" / "METADATA").write_text("Name: hanging\nVersion: 1\n")
    (folder / "hanging-1.dist-info" / "entry_points.txt").write_text(
        "[ingest.readers]\nhanging = hanging:Hanging\n"
    )
    return project


def test_a_source_that_hangs_is_given_up_and_others_go_on(hanging: Project) -> None:
    """With real time: it is shown, the lock is free again, and the end does not wait for it."""
    hanging.write("good", 1)
    hanging.configure(
        {"name": "bad", "reader": "hanging", "schedule": "every 1s", "time_limit": "1s"},
        {"name": "good", "schedule": "every 1s"},
        daemon='concurrency = 1\nshutdown = "1s"\ngrace = "1s"',
    )
    daemon = hanging.daemon("--listen", "127.0.0.1:0")
    address = daemon.wait_for("serving HTTP")["address"]
    daemon.wait_for("source started", source="bad")
    daemon.wait_for("time limit passed", source="bad")
    daemon.wait_for("source hangs", source="bad")
    for _ in range(3):
        daemon.wait_for("source ended", source="good")
    assert ask(address, "/api/v1/sources/bad")[1]["state"] == "hung"
    status, ready = ask(address, "/readyz")
    assert (status, json.loads(ready)["problems"]) == (503, ["source bad: its run hangs"])
    outside = hanging.ingest("run", "--source", "good", "--wait", "30")
    assert outside.returncode == 0, outside.stderr
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 10
    assert daemon.events("stopped without waiting longer")[0]["running"] == ["bad"]
    assert [line["source"] for line in daemon.events("source started")].count("bad") == 1


def test_a_second_signal_ends_it_at_once(hanging: Project) -> None:
    hanging.configure({"name": "bad", "reader": "hanging", "schedule": "every 1h"})
    daemon = hanging.daemon()
    daemon.wait_for("source started")
    daemon.send(signal.SIGTERM)
    daemon.wait_for("stopping")
    daemon.send(signal.SIGINT)
    assert daemon.wait() == 128 + signal.SIGINT


# --- HTTP -----------------------------------------------------------------------------


TOKEN = "s3cret"  # noqa: S105 - of these tests


def ask(address: str, path: str, method: str = "GET", token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(address + path, method=method, headers=headers)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_http_shows_and_starts_runs_for_those_who_know_the_token(project: Project) -> None:
    project.write("one", 1)
    project.configure({"name": "one", "schedule": "every 1h"})
    daemon = project.daemon("--listen", "0.0.0.0:0", INGEST_DAEMON__TOKEN=TOKEN)
    port = daemon.wait_for("serving HTTP")["address"].rpartition(":")[2]
    address = f"http://127.0.0.1:{port}"
    daemon.wait_for("source ended")
    assert ask(address, "/healthz") == (200, {"status": "ok"})
    assert ask(address, "/api/v1/sources/one/run", "POST")[0] == 401
    assert ask(address, "/api/v1/sources/one/run", "POST", TOKEN)[0] == 202
    daemon.wait_for("source ended")
    status, runs = ask(address, "/api/v1/runs", token=TOKEN)
    assert status == 200
    assert [run["sources"][0]["counts"]["unchanged"] for run in runs] == [1, 0]
    assert daemon.stop() == 0
    assert TOKEN not in json.dumps(daemon.log)
