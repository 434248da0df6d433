"""Faults of our own: a line for people, the details in a file."""

from __future__ import annotations

import traceback

from signalroom import settings
from signalroom.errors import SignalRoomError
from signalroom.masking import mask


def explained(error: Exception) -> str:
    """The error in one readable line, without secrets.

    One that nobody foresaw is named as such, and its traceback is kept in
    SIGNALROOM_HOME/unexpected-error.txt, masked.
    """
    if isinstance(error, SignalRoomError):
        return mask(str(error))
    text = mask("".join(traceback.format_exception(error)))
    summary = mask(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    try:
        path = settings.home() / "unexpected-error.txt"
        path.write_text(text, encoding="utf-8")
    except (OSError, SignalRoomError):
        return f"unexpected {summary}."
    return f"unexpected {summary}. The details are in {path}; please report them."
