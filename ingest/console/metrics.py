"""Figures for Prometheus, in a registry of their own.

Counters grow with each run's report; what stands at the moment is asked of the daemon
when the figures are fetched.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from ingest import reports
from ingest.console import health
from ingest.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from prometheus_client import Metric

    from ingest.console.control import Control
    from ingest.outcome import RunReport
    from ingest.settings import Settings

OUTCOMES = ("unchanged", "new", "updated", "removed", "quarantined")
KINDS = ("exact", "near", "story")
_STATES = ("idle", "waiting", "resting", "running", "stopping", "hung")
_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)


class Metrics:
    """The figures of one daemon."""

    def __init__(self, control: Control) -> None:
        own = self.registry = CollectorRegistry()
        self._documents = Counter(
            "ingest_documents", "Documents read.", ["source", "outcome"], registry=own
        )
        self._duplicates = Counter(
            "ingest_duplicates", "Duplicates found.", ["source", "kind"], registry=own
        )
        self._quarantined = Counter(
            "ingest_quarantined", "Documents quarantined.", ["source", "reason"], registry=own
        )
        self._runs = Counter("ingest_runs", "Runs of sources.", ["source", "status"], registry=own)
        self._stages = Counter(
            "ingest_stage_seconds", "Seconds spent by stage.", ["source", "stage"], registry=own
        )
        self._duration = Histogram(
            "ingest_run_seconds", "Length of runs.", buckets=_BUCKETS, registry=own
        )
        self._corpus = Gauge("ingest_corpus_documents", "Documents in the corpus.", registry=own)
        self._sequence = Gauge("ingest_corpus_sequence", "Newest sequence number.", registry=own)
        self._success = Gauge(
            "ingest_last_success_timestamp_seconds",
            "End of the last good run.",
            ["source"],
            registry=own,
        )
        self.registry.register(_Now(control))
        self._prepare(control.settings)
        self._recall(control)

    def observe(self, report: RunReport) -> None:
        """Count a run."""
        self._duration.observe(report.seconds)
        self._corpus.set(report.documents)
        self._sequence.set(report.sequence)
        for part in report.sources:
            self._runs.labels(part.name, part.status).inc()
            for outcome in OUTCOMES:
                self._documents.labels(part.name, outcome).inc(part.counts.get(outcome, 0))
            for kind in KINDS:
                self._duplicates.labels(part.name, kind).inc(part.counts.get(kind, 0))
            for reason, count in part.reasons.items():
                self._quarantined.labels(part.name, reason).inc(count)
            for stage, seconds in part.seconds.items():
                self._stages.labels(part.name, stage).inc(max(0.0, seconds))
            publishing = report.publishing / len(report.sources)
            self._stages.labels(part.name, "publish").inc(publishing)
            if part.status == "done":
                self._success.labels(part.name).set(time.time())

    def text(self) -> bytes:
        """All figures in the text format that Prometheus fetches."""
        return generate_latest(self.registry)

    def _prepare(self, settings: Settings) -> None:
        """Begin at zero: what appears with its first count would be no increase to Prometheus."""
        for source in settings.source:
            for outcome in OUTCOMES:
                self._documents.labels(source.name, outcome)
            for kind in KINDS:
                self._duplicates.labels(source.name, kind)
            for status in ("done", "failed", "cancelled"):
                self._runs.labels(source.name, status)

    def _recall(self, control: Control) -> None:
        """What is known from before the daemon started."""
        settings = control.settings
        if not (settings.store / "catalog.db").exists():
            return
        with reports.opened(settings) as store:
            self._sequence.set(int(store.meta("settled", "0")))
            newest = [run for run in store.runs.latest(20) if "documents" in run.counts][:1]
            for run in newest:
                self._corpus.set(run.counts["documents"])
            for source in settings.source:
                good = [
                    run for run in store.runs.recent_of(source.name, 50) if run.status == "done"
                ]
                if good:
                    moment = datetime.fromisoformat(good[0].ended).timestamp()
                    self._success.labels(source.name).set(moment)


class _Now:
    """What stands at the moment that it is asked for."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._since = datetime.now(UTC)

    def collect(self) -> Iterator[Metric]:
        queue = GaugeMetricFamily("ingest_queue_length", "What waits, and runs.", labels=["queue"])
        for name, length in self._control.queues().items():
            queue.add_metric([name], length)
        yield queue
        state = GaugeMetricFamily(
            "ingest_source_state", "1 for the state.", labels=["source", "state"]
        )
        failures = GaugeMetricFamily(
            "ingest_source_failures", "Failures in a row.", labels=["source"]
        )
        paused = GaugeMetricFamily("ingest_source_paused", "1 while paused.", labels=["source"])
        following = GaugeMetricFamily(
            "ingest_next_run_timestamp_seconds", "When it runs next.", labels=["source"]
        )
        late = GaugeMetricFamily(
            "ingest_source_late",
            "1 when far behind its schedule, as for /readyz.",
            labels=["source"],
        )
        behind = self._late()
        for each in self._control.standings():
            late.add_metric([each.name], float(each.name in behind))
            for name in _STATES:
                state.add_metric([each.name, name], float(name == each.state))
            failures.add_metric([each.name], each.failures)
            paused.add_metric([each.name], float(each.paused))
            if each.next_run:
                following.add_metric([each.name], each.next_run.timestamp())
        yield from (state, failures, paused, late, following)
        silence = GaugeMetricFamily("ingest_tick_age_seconds", "Seconds since the last tick.")
        silence.add_metric([], self._control.silence())
        yield silence

    def _late(self) -> Collection[str]:
        try:
            return health.late_sources(self._control, self._since, datetime.now(UTC))
        except IngestError:
            return ()  # /readyz tells of a store that does not open
