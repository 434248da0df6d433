"""Errors of a dlt step, in one readable line."""

from __future__ import annotations

from ingest.model import Pull
from signalroom.connecting import when_full
from signalroom.errors import SignalRoomError, WarehouseError
from signalroom.logs import mask


def explained_step(pull: Pull, error: BaseException, step: str) -> Exception:
    """The cause in one readable line: our own errors unchanged, others without dlt's wrapping."""
    from dlt.common.exceptions import DltException

    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
        if isinstance(cause, SignalRoomError):
            return cause
    if step == "extract" and isinstance(cause, Exception) and not isinstance(cause, DltException):
        return cause  # a bug of ours
    reason = mask(" ".join(str(cause).split()))[:400]
    repair = when_full(cause) or "Repeat it: a repeated load replaces whatever was written."
    return WarehouseError(f"{pull}, {pull.window}: the load failed in {step}: {reason}. {repair}")
