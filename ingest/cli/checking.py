"""The commands that check and change nothing: `check` and `corpus verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import checks, upkeep
from ingest.app import RunOptions
from ingest.cli import printing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.checks import Finding
    from ingest.settings import Settings


def check(settings: Settings, *, deep: bool, as_json: bool) -> int:
    """`ingest check`: settings, sources, store and disk; the exit code."""
    return _report(checks.check(settings, deep=deep), as_json=as_json)


def verify(settings: Settings, *, as_json: bool) -> int:
    """`ingest corpus verify`: the published corpus; the exit code."""
    return _report(checks.verify_corpus(settings), as_json=as_json)


def mend(settings: Settings, wait: float, *, as_json: bool) -> None:
    """`ingest corpus verify --repair`: put right what can be, and say what was done."""
    for said in upkeep.mend(settings, RunOptions(wait=wait)):
        if as_json:
            printing.json({"mended": said})
        else:
            printing.line(f"mended: {said}")


def _report(findings: Sequence[Finding], *, as_json: bool) -> int:
    for finding in findings:
        if as_json:
            printing.json(
                {"ok": finding.ok, "what": finding.what, "said": finding.said, "hint": finding.hint}
            )
            continue
        printing.line(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}: {finding.said}")
        if finding.hint:
            printing.line(f"     {finding.hint}")
    return max((finding.exit_code for finding in findings), default=0)
