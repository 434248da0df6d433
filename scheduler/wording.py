"""Times and durations as people say them, on the terminal and on the page."""

from __future__ import annotations

from datetime import datetime, timedelta

from signalroom import clock


def when(moment: datetime | None) -> str:
    """An instant as people say it: the time today, otherwise with its day."""
    if moment is None:
        return "-"
    local = moment.astimezone(clock.zone())
    is_today = local.date() == clock.today()
    return f"{local:%H:%M}" if is_today else f"{local:%a %d %b %H:%M}"


def span(value: timedelta | None) -> str:
    """A duration in words: `18 s`, `4 min 10 s`, `3 h 05 min`, `2 days`."""
    if value is None:
        return "-"
    total = max(0, round(value.total_seconds()))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02} s"
    if total < 48 * 3600:
        return f"{total // 3600} h {total % 3600 // 60:02} min"
    return f"{total // 86400} days"
