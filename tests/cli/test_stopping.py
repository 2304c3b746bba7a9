"""What a signal, or the end of a process that heard it first, makes of a run."""

from __future__ import annotations

import signal

import pytest

from ingest.cli.stopping import stop_on_signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_sets_a_flag(
    number: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert (stop(), stop(), stop.exit_code) == (True, True, code)
        assert capsys.readouterr().err.count("stopping after the batch in hand") == 1
    assert "stopped after the batch in hand" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_nothing_is_said_where_no_signal_came(capsys: pytest.CaptureFixture[str]) -> None:
    with stop_on_signals() as stop:
        assert not stop()
    assert capsys.readouterr().err == ""


def interrupted(*numbers: int, error: Exception | None = None) -> None:
    """A run that gets these signals, and then meets an error."""
    with stop_on_signals():
        for number in numbers:
            signal.raise_signal(number)
        if error:
            raise error


def test_the_second_signal_ends_it_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(signal.SIGTERM, signal.SIGINT)
    assert "committed" not in capsys.readouterr().err, "nothing is known of the batch in hand"


def test_a_process_that_the_signal_ended_first_is_no_other_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(signal.SIGINT, error=EOFError())
    with pytest.raises(RuntimeError, match="has ended"):
        interrupted(error=EOFError())
