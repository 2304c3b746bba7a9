"""Every figure of publishing can be set under ``[corpus]``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from publish_memory import MemoryLedger, document

from ingest.app import RunOptions, make_publisher
from ingest.errors import CorpusError, SettingsError
from ingest.publish.corpus import open_corpus
from ingest.publish.publish import PublishOptions
from ingest.settings import build
from ingest.settings_tables import Corpus

if TYPE_CHECKING:
    from pathlib import Path

OTHER = {
    "compression": "zstd",
    "shard_bytes": 4096,
    "shard_rows": 7,
    "fan_in": 3,
    "generations": 5,
    "history": 6,
    "history_days": 1.5,
}


def test_each_setting_reaches_publishing(tmp_path: Path) -> None:
    assert set(OTHER) == set(Corpus.model_fields)
    made = make_publisher(build({"corpus": OTHER}, base=tmp_path), RunOptions())
    given = dict(OTHER)
    given["keep_generations"] = given.pop("generations")
    assert asdict(made.options) == given
    default = make_publisher(build({}, base=tmp_path), RunOptions()).options
    assert default == PublishOptions(shard_bytes=256 << 20, shard_rows=1_000_000)


@pytest.mark.parametrize(
    ("key", "value"),
    [("fan_in", 1), ("history_days", 0), ("history", 0), ("generations", 0), ("merge", 2)],
)
def test_figures_that_cannot_work_are_told(tmp_path: Path, key: str, value: int) -> None:
    with pytest.raises(SettingsError, match=rf"corpus\.{key}"):
        build({"corpus": {key: value}}, base=tmp_path)


@pytest.mark.parametrize("kept", [{"history": 2}, {"history_days": 2}])
def test_history_is_kept_as_far_back_as_the_settings_say(
    tmp_path: Path, kept: dict[str, int]
) -> None:
    """A change a day; who was away for long is told to start over, who was for two days is not."""
    settings, ledger = build({"corpus": kept}, base=tmp_path), MemoryLedger()
    settings.store.mkdir()
    for day in range(5):
        ledger.want(document(f"d{day}"))
        now = datetime(2024, 5, 1, tzinfo=UTC) + timedelta(days=day)
        make_publisher(settings, RunOptions(clock=lambda now=now: now)).publish(ledger, "run")
    with open_corpus(settings.store) as corpus:
        assert corpus.sequence == 5
        assert {change.seq for change in corpus.changes(3)} == {4, 5}
        with pytest.raises(CorpusError, match="no longer reaches") as caught:
            corpus.changes(1)
        assert "start over" in caught.value.hint
