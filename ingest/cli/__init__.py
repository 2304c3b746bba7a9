"""The command line: arguments in, exit codes and printing out.

Nothing heavy is imported here: `ingest --help` must answer in 0.2 s (see
benchmarks/startup.py), so each command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the console script; ends the process with the documented exit code."""
    from ingest.cli.commands import app  # noqa: PLC0415 - see above
    from ingest.errors import IngestError  # noqa: PLC0415 - see above

    try:
        app(prog_name="ingest")
    except IngestError as error:
        message = f"ingest: {error}\n" + (f"  {error.hint}\n" if error.hint else "")
        sys.stderr.write(message)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("ingest: stopped\n")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone (`ingest dups | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
