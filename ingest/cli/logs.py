"""Where log lines go: stderr, for people or as JSON, never mixed with a command's output."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, Literal

import structlog


def configure(form: Literal["human", "json"], level: int = logging.INFO) -> None:
    """Set structlog up for this process; called once, by the command line."""
    renderer: Any
    if form == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    else:
        colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        renderer = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=18)
        stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamp,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_stderr_of_now,
        cache_logger_on_first_use=False,
    )
    # Libraries log through logging; what they warn of is ours to know, the rest is noise.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)


def _stderr_of_now(*_arguments: Any) -> structlog.PrintLogger:
    """A progress bar takes the place of stderr while it stands, to write lines above itself."""
    return structlog.PrintLogger(sys.stderr)
