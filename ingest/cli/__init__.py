"""The command line: arguments in, exit codes and printing out.

Nothing heavy is imported here: `ingest --help` must answer in 0.2 s (see
benchmarks/startup.py), so each command imports what it needs when it runs.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys

_COLLECTED_AFTER = 50_000
"""Objects made and not freed until cycles are looked for: Python's 700 cost 7 % of a run, which
keeps many rows in memory and makes next to no cycles."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main() -> None:
    """Entry point of the console script; ends the process with the documented exit code."""
    gc.set_threshold(_COLLECTED_AFTER, *gc.get_threshold()[1:])
    try:
        _told()
    except KeyboardInterrupt:
        sys.stderr.write("ingest: stopped\n")
        sys.exit(130)


def _told() -> None:
    """Run the command, and tell its errors in words."""
    from ingest.errors import IngestError  # noqa: PLC0415 - see above

    _mend_streams()
    try:
        _command()
    except IngestError as error:
        message = f"ingest: {error}\n" + (f"  {error.hint}\n" if error.hint else "")
        sys.stderr.write(message)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has gone (`ingest dups | head`): not an error of ours.
        _drop_output()
        sys.exit(141)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        sys.stderr.write(f"ingest: {error.filename or 'writing output'}: {error.strerror}\n")
        _drop_output()
        sys.exit(3)


def _command() -> None:
    from ingest.cli.commands import app  # noqa: PLC0415 - see above

    stdout = sys.stdout
    try:
        app(prog_name="ingest")
    except SystemExit as end:
        if _was_interrupted(end):
            raise KeyboardInterrupt from None
        stdout.flush()  # here, where a full disk or a closed pipe can still be told
        if sys.stdout is not stdout:
            # Typer's answer to a closed pipe is exit code 1, which is that of a failed source.
            raise BrokenPipeError from None
        raise


def _was_interrupted(end: SystemExit) -> bool:
    """Whether Typer made an exit of a Ctrl-C, of which it says nothing."""
    left = end.__context__
    return left is not None and isinstance(left.__cause__, KeyboardInterrupt)


def _mend_streams() -> None:
    """A closed stream leads nowhere; what a terminal's encoding lacks is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open to the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let the interpreter's last flush go nowhere, instead of failing once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
