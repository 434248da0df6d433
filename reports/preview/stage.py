"""The stage: an isolated home with recorded marts, in which the real code reads and renders.

The user's warehouse, outbox, clock and channels are not used meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signalroom.paths import home

HIDDEN = ("SIGNALROOM_", "SUPABASE_", "SLACK_", "RESEND_", "TWILIO_")
KEPT = ("SIGNALROOM_TIMEZONE",)


@contextmanager
def stage(folder: Path, now: str) -> Iterator[None]:
    """Use the stage at a moment (ISO, in the business zone); afterwards everything is restored."""
    # Share matplotlib's font cache with real reports: building one takes seconds.
    fonts = os.environ.get("MPLCONFIGDIR") or str(home() / "matplotlib")
    before = dict(os.environ)
    for name in before:
        if name.startswith(HIDDEN) and not name.startswith(KEPT):
            del os.environ[name]
    os.environ |= {
        "SIGNALROOM_HOME": str(folder),
        "SIGNALROOM_TARGET": "duckdb",
        "SIGNALROOM_NOW": now,
        "MPLCONFIGDIR": fonts,
        "SIGNALROOM_PUBLIC_URL": "https://signalroom.example.org",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
