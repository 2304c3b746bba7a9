"""The API: what it answers, and that it keeps to its own description."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from prometheus_client.parser import text_string_to_metric_families

from ingest import reports
from ingest.console import health
from ingest.console.api import create_app
from ingest.console.guard import MAX_BODY, Guard
from ingest.console.metrics import Metrics
from ingest.outcome import RunReport, SourceReport
from ingest.schedule import Timing, parse
from ingest.settings import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from tests.console.conftest import FakeControl

ROOT = Path(__file__).parent.parent.parent
HOST = "http://localhost"
TOKEN = "s3cret"  # noqa: S105 - of this test


class Client:
    """Asks the application without a network."""

    def __init__(self, application: Any, base: str = HOST) -> None:
        self._application = application
        self._base = base

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._application)
        async with httpx.AsyncClient(transport=transport, base_url=self._base) as client:
            return await client.request(method, path, **more)

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        import asyncio  # noqa: PLC0415 - a loop for each request is what this double is for

        return asyncio.run(self._ask(method, path, **more))


@pytest.fixture
def application(control: FakeControl) -> FastAPI:
    return create_app(control, Metrics(control))


@pytest.fixture
def ask(application: FastAPI) -> Client:
    return Client(application)


# --- what it answers ------------------------------------------------------------------


def test_sources_are_those_of_the_command_line_with_how_they_stand(
    ask: Client, control: FakeControl
) -> None:
    with reports.opened(control.settings) as store:
        expected = reports.sources(store, control.settings)
    lines = ask("GET", "/api/v1/sources").json()
    assert [line["name"] for line in lines] == ["one", "two"]
    for line, known in zip(lines, expected, strict=True):
        assert known.items() <= line.items()
    assert lines[0]["documents"] == 1
    assert lines[0]["next_run"] == "2030-01-01T01:00:00Z"
    assert ask("GET", "/api/v1/sources/two").json() == lines[1]


def test_runs_are_those_of_the_command_line(ask: Client, control: FakeControl) -> None:
    with reports.opened(control.settings) as store:
        expected = reports.runs(store, 20)
    assert ask("GET", "/api/v1/runs").json() == expected
    run_id = expected[0]["run_id"]
    assert ask("GET", f"/api/v1/runs/{run_id}").json() == expected[0]


def test_a_source_is_started_paused_and_resumed(ask: Client, control: FakeControl) -> None:
    assert ask("POST", "/api/v1/sources/one/run").status_code == 202
    assert control.asked == ["one"]
    assert ask("POST", "/api/v1/sources/one/pause").json() == {"name": "one", "state": "paused"}
    assert ask("GET", "/api/v1/sources/one").json()["paused"]
    assert ask("POST", "/api/v1/sources/one/resume").json()["state"] == "resumed"
    assert not control.paused


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/sources/none"),
        ("GET", "/api/v1/runs/none"),
        ("POST", "/api/v1/sources/none/run"),
        ("POST", "/api/v1/sources/none/pause"),
    ],
)
def test_what_is_not_there_is_404(ask: Client, method: str, path: str) -> None:
    answer = ask(method, path)
    assert answer.status_code == 404
    assert "none" in answer.json()["detail"]


def test_a_store_that_is_broken_is_503(tmp_path: Path, control: FakeControl) -> None:
    control.settings = build({"source": [{"name": "a", "path": "x"}]}, base=tmp_path)
    ask = Client(create_app(control, Metrics(control)))
    assert ask("GET", "/api/v1/runs").json() == []
    assert ask("GET", "/api/v1/sources").status_code == 200
    control.settings.store.mkdir()
    (control.settings.store / "catalog.db").write_text("this is not a catalog" * 100)
    assert ask("GET", "/api/v1/runs").status_code == 503
    assert ask("GET", "/readyz").status_code == 503


# --- health ---------------------------------------------------------------------------


def test_alive_is_a_scheduler_that_ticks(ask: Client, control: FakeControl) -> None:
    assert ask("GET", "/healthz").json() == {"status": "ok"}
    control.quiet = 100.0
    answer = ask("GET", "/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "stuck"})


def test_ready_is_a_store_and_sources_that_keep_up(ask: Client, control: FakeControl) -> None:
    assert ask("GET", "/readyz").json() == {"ready": True, "problems": []}
    control.states["two"] = "hung"
    answer = ask("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["source two: its run hangs"]


def test_a_source_is_late_when_its_last_run_is_older_than_twice_its_interval(
    control: FakeControl,
) -> None:
    now = datetime.now(UTC)
    assert not health.problems(control, now, now + timedelta(minutes=119))
    assert health.problems(control, now, now + timedelta(minutes=122)) == [
        "source one: its last run is older than twice its interval"
    ]
    control.states["one"] = "running"
    assert not health.problems(control, now, now + timedelta(minutes=122))
    control.states["one"] = "waiting"
    assert health.problems(control, now, now + timedelta(minutes=122))
    control.paused.add("one")
    assert not health.problems(control, now, now + timedelta(minutes=122))


def test_cron_is_late_after_two_times_that_passed() -> None:
    cron = Timing("a", parse("0 6 * * mon-fri"), jitter=60)
    friday = datetime(2026, 5, 8, 6, 0, tzinfo=UTC)
    assert not health.late(cron, friday, friday + timedelta(days=4, seconds=59))
    assert health.late(cron, friday, friday + timedelta(days=4, seconds=61))
    assert not health.late(Timing("b", parse("on change")), friday, friday + timedelta(days=99))


def test_jitter_is_no_lateness(control: FakeControl) -> None:
    start = datetime(2026, 5, 8, tzinfo=UTC)
    hourly = Timing("a", parse("every 1h"), jitter=600)
    assert not health.late(hourly, start, start + timedelta(minutes=129))
    assert health.late(hourly, start, start + timedelta(minutes=131))


# --- metrics --------------------------------------------------------------------------


def figures(ask: Client) -> Callable[..., float]:
    families = text_string_to_metric_families(ask("GET", "/metrics").text)
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
    return lambda name, **labels: samples[name, frozenset(labels.items())]


def test_metrics_count_runs_by_source_and_outcome(control: FakeControl) -> None:
    metrics = Metrics(control)
    ask = Client(create_app(control, metrics))
    before = figures(ask)
    assert before("ingest_corpus_documents") == 1
    assert before("ingest_last_success_timestamp_seconds", source="one") > 0
    assert before("ingest_queue_length", queue="runs") == 2
    assert before("ingest_documents_total", source="two", outcome="new") == 0
    assert before("ingest_source_late", source="one") == 0
    part = SourceReport("one", "done", {"new": 3, "near": 2}, {"empty": 1}, seconds={"read": 0.5})
    metrics.observe(RunReport("r", "done", 1.5, {}, 7, 9, (part,), publishing=0.25))
    after = figures(ask)
    assert after("ingest_documents_total", source="one", outcome="new") == 3
    assert after("ingest_duplicates_total", source="one", kind="near") == 2
    assert after("ingest_quarantined_total", source="one", reason="empty") == 1
    assert after("ingest_stage_seconds_total", source="one", stage="read") == 0.5
    assert after("ingest_stage_seconds_total", source="one", stage="publish") == 0.25
    assert after("ingest_runs_total", source="one", status="done") == 1
    assert (after("ingest_corpus_documents"), after("ingest_corpus_sequence")) == (9, 7)
    assert after("ingest_source_state", source="one", state="idle") == 1
    assert after("ingest_source_failures", source="two") == 2


def test_metrics_show_how_each_source_stands(control: FakeControl) -> None:
    control.paused.add("two")
    control.states["two"] = "hung"
    control.quiet = 4.5
    now = figures(Client(create_app(control, Metrics(control))))
    states = [now("ingest_source_state", source="two", state=name) for name in ("idle", "hung")]
    assert states == [0, 1]
    assert [now("ingest_source_paused", source=name) for name in ("one", "two")] == [0, 1]
    following = now("ingest_next_run_timestamp_seconds", source="one")
    assert following == datetime(2030, 1, 1, 1, tzinfo=UTC).timestamp()
    assert now("ingest_tick_age_seconds") == 4.5
    assert now("ingest_corpus_sequence") == 1


def test_metrics_of_a_run_that_failed_and_of_several_sources(control: FakeControl) -> None:
    metrics = Metrics(control)
    ask = Client(create_app(control, metrics))
    parts = (SourceReport("one", "done", {}), SourceReport("two", "failed", {}))
    metrics.observe(RunReport("r", "failed", 1.5, {}, 7, 9, parts, publishing=0.5))
    found = figures(ask)
    assert found("ingest_stage_seconds_total", source="two", stage="publish") == 0.25
    assert (found("ingest_run_seconds_count"), found("ingest_run_seconds_sum")) == (1, 1.5)
    assert found("ingest_runs_total", source="two", status="failed") == 1
    with pytest.raises(KeyError):
        found("ingest_last_success_timestamp_seconds", source="two")


def test_the_example_alerts_speak_of_figures_and_labels_that_there_are(
    control: FakeControl,
) -> None:
    metrics = Metrics(control)
    part = SourceReport("one", "done", {}, {"empty": 1})
    metrics.observe(RunReport("r", "done", 1.5, {}, 7, 9, (part,)))
    known: dict[str, set[tuple[str, str]]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            known.setdefault(sample.name, set()).update(sample.labels.items())
    groups = yaml.safe_load((ROOT / "config" / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == 6
    for rule in rules:
        expression = rule["expr"]
        names = re.findall(r"ingest_[a-z_]+", expression)
        assert names or 'up{job="ingest"}' in expression
        for name in names:
            assert name in known, name
        of_ours = re.findall(r"ingest_\w+\{(.*?)\}", expression)
        for label, value in re.findall(r'(\w+)="(\w+)"', " ".join(of_ours)):
            assert (label, value) in known[names[0]]
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert label in {label for label, _ in known[names[0]]}


def test_two_daemons_in_one_process_do_not_share_figures(control: FakeControl) -> None:
    assert Metrics(control).registry is not Metrics(control).registry


# --- the guard ------------------------------------------------------------------------


def test_without_the_token_there_is_only_health(application: FastAPI) -> None:
    ask = Client(Guard(application, token=TOKEN, loopback=False), "http://ingest.example")
    assert ask("GET", "/healthz").status_code == 200
    assert ask("GET", "/readyz").status_code == 200
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic s3cret"}):
        answer = ask("GET", "/api/v1/sources", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    right = {"authorization": "Bearer s3cret"}
    assert ask("GET", "/api/v1/sources", headers=right).status_code == 200
    assert ask("GET", "/metrics", headers=right).status_code == 200
    spaced = {"authorization": "bearer   s3cret"}
    assert ask("GET", "/metrics", headers=spaced).status_code == 200


@pytest.mark.parametrize("host", ["http://evil.example", "http://10.0.0.1:8460"])
def test_on_loopback_only_local_names_are_answered(application: FastAPI, host: str) -> None:
    assert (
        Client(Guard(application, token="", loopback=True), host)("GET", "/healthz").status_code
        == 403
    )


@pytest.mark.parametrize("host", ["http://127.0.0.1:8460", "http://[::1]:8460", HOST])
def test_local_names_are_answered(application: FastAPI, host: str) -> None:
    assert (
        Client(Guard(application, token="", loopback=True), host)("GET", "/healthz").status_code
        == 200
    )


def test_other_sites_cannot_have_a_browser_start_a_run(
    application: FastAPI, control: FakeControl
) -> None:
    ask = Client(Guard(application, token="", loopback=True))
    answer = ask("POST", "/api/v1/sources/one/run", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert not control.asked
    ask("POST", "/api/v1/sources/one/run", headers={"origin": HOST})
    assert control.asked == ["one"]


def test_large_requests_are_refused_by_their_length_and_as_they_come(application: FastAPI) -> None:
    @application.post("/echo")
    async def echo(value: dict[str, Any]) -> int:
        return len(value)

    ask, given = Client(Guard(application, token="", loopback=True)), []

    async def chunks() -> Any:
        for number in range(20):
            given.append(number)
            yield b" " * (MAX_BODY // 10)

    assert ask("POST", "/echo", content=b" " * (MAX_BODY + 1)).status_code == 413
    assert ask("POST", "/echo", content=chunks()).status_code == 413
    assert len(given) == 11  # no more is taken than tells that it is too much
    assert ask("POST", "/echo", json={"a": 1}).json() == 1


# --- the description ------------------------------------------------------------------


def test_every_answer_is_as_the_description_says(application: FastAPI) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", application)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == 10
    for operation in operations:

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def answers(case: schemathesis.Case) -> None:
            case.call_and_validate()

        answers()
