"""Which business days a pull covers.

Vendors restate the past, so each pull requests the days before today again. Days missed while
nothing ran are requested too, so that an outage leaves no gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ingest.model import Window
from signalroom import clock
from signalroom.errors import ConfigurationError
from signalroom.settings import window_days


def default_window(last_end: date | None, asked: date | None = None, source: str = "") -> Window:
    """The days of a pull for which start and end were not both given.

    `last_end` is the last day that an earlier pull covered (None: never pulled); `asked` is a day
    that must be covered. A source can have a longer lookback than others (.dlt/config.toml).
    """
    today = clock.today()
    days = window_days("recent" if last_end else "initial", source)
    starts = [today - timedelta(days=days - 1), last_end, asked]
    return Window(min(start for start in starts if start is not None), today)


def explicit_window(start: date | None, end: date | None) -> Window:
    """The requested days; `end` defaults to today, `start` to `end`."""
    last = end or clock.today()
    first = start or last
    if first > last:
        raise ConfigurationError(f"The window ends ({last}) before it starts ({first}).")
    if last > clock.today():
        raise ConfigurationError(
            f"The window ends in the future ({last}); today is {clock.today()}."
        )
    return Window(first, last)


def days(window: Window) -> Iterator[date]:
    """Each day of the window, in order."""
    for offset in range((window.end - window.start).days + 1):
        yield window.start + timedelta(days=offset)


def slices(window: Window, length: int) -> Iterator[Window]:
    """The window in parts of at most `length` days, in order."""
    start = window.start
    while start <= window.end:
        end = min(start + timedelta(days=length - 1), window.end)
        yield Window(start, end)
        start = end + timedelta(days=1)
