"""Logs: readable lines on a terminal, one JSON object per line in the container.

`SIGNALROOM_LOG_FORMAT` selects: `text` (the default) or `json`. Every record has its context: the
run and the step (SIGNALROOM_RUN_ID and SIGNALROOM_STEP in the environment of the scheduler's
children), client and source if set by `about`. Secrets are masked when a record is created,
whatever library writes it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from signalroom import paths
from signalroom.errors import ConfigurationError, SignalRoomError
from signalroom.secrets import MASK, learn, mask, secret_values
from signalroom.settings import require

__all__ = ["MASK", "explained", "learn", "mask", "secret_values"]
FORMATS = ("text", "json")
OURS = ("signalroom", "ingest", "transform", "reports", "scheduler", "cli")
# Standard attributes of every record; all others are additional fields.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=MappingProxyType({}))
_make_record = logging.getLogRecordFactory()


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Records logged in the body have these fields: `client`, `source`, `run_id`, `step`."""
    token = _subject.set({**_subject.get(), **fields})
    try:
        yield
    finally:
        _subject.reset(token)


def configure() -> None:
    """Log to stderr in the chosen format; with our own info messages if the scheduler runs.

    Raises ConfigurationError for an unknown format, with logs in text.
    """
    chosen = require("SIGNALROOM_LOG_FORMAT")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter() if chosen == "json" else TextFormatter())
    handler.addFilter(complete)
    logging.setLogRecordFactory(_masked_record)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    if os.environ.get("SIGNALROOM_RUN_ID"):
        speak()
    if chosen not in FORMATS:
        raise ConfigurationError(f"SIGNALROOM_LOG_FORMAT is {chosen!r}: use text or json.")


def speak() -> None:
    """Enable info messages of our own loggers."""
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def complete(record: logging.LogRecord) -> bool:
    """Add the record's context; mask its additional fields."""
    known = {
        "run_id": os.environ.get("SIGNALROOM_RUN_ID", ""),
        "step": os.environ.get("SIGNALROOM_STEP", ""),
        **_subject.get(),
    }
    for name, value in known.items():
        if value and not hasattr(record, name):
            setattr(record, name, value)
    for name, value in given(record).items():
        if not isinstance(value, (int, float, bool, type(None))):
            setattr(record, name, mask(str(value)))
    return True


def given(record: logging.LogRecord) -> dict[str, Any]:
    """The additional fields of a record."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


def _masked_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _make_record(*args, **kwargs)
    try:
        _masking.filter(record)
    except (TypeError, ValueError):
        # A library's message may not match its arguments; a log line must not stop the work.
        record.msg, record.args = mask(f"{record.msg} {record.args}"), None
    return record


class TextFormatter(logging.Formatter):
    """`2026-11-20 07:00:03 -0500 INFO scheduler: 1,523 rows [run_id=hourly-… client=713]`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).astimezone(_zone())
        fields = " ".join(f"{name}={value}" for name, value in given(record).items())
        line = f"{moment:%Y-%m-%d %H:%M:%S %z} {record.levelname} {record.name}: {record.msg}"
        # Vendors' text must not look like a line of ours or move the cursor.
        line = CONTROL.sub(" ", f"{line} [{fields}]" if fields else line)
        return f"{line}\n{record.exc_text}" if record.exc_text else line


def _zone() -> Any:
    from signalroom.clock import zone

    try:
        return zone()
    except SignalRoomError:
        return UTC


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        "{levelname}{name}{message}",
        style="{",
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "error"},
        timestamp="at",
    )


class MaskingFilter(logging.Filter):
    """Masks secrets in every log record, including its exception text."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = mask(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def explained(error: Exception) -> str:
    """The error in one readable line, without secrets.

    An unexpected one is marked as such, and its traceback is kept in
    SIGNALROOM_HOME/unexpected-error.txt, masked.
    """
    if isinstance(error, SignalRoomError):
        return mask(str(error))
    if isinstance(error, OSError) and paths.is_storage_problem(error):
        return mask(paths.storage_problem(error))
    text = mask("".join(traceback.format_exception(error)))
    summary = mask(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    try:
        path = paths.home() / "unexpected-error.txt"
        path.write_text(text, encoding="utf-8")
    except (OSError, SignalRoomError):
        return f"unexpected {summary}."
    return f"unexpected {summary}. The details are in {path}; please report them."


_masking = MaskingFilter()
