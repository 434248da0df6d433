"""Times and durations as people say them, on the terminal and on the page."""

from __future__ import annotations

from datetime import datetime, timedelta

from signalroom import clock

NEAR = timedelta(days=6)  # so far, a weekday says which day is meant


def when(moment: datetime | None) -> str:
    """An instant as people say it: the time today, otherwise with its weekday or date."""
    if moment is None:
        return "-"
    zone, now = clock.zone(), clock.now()
    local = moment.astimezone(zone)
    if local.date() == clock.today():
        return f"{local:%H:%M}"
    is_near = abs(local.date() - clock.today()) <= NEAR
    if is_near:
        return f"{local:%a %H:%M}"
    return f"{local:%d %b %H:%M}" if local.year == now.year else f"{local:%d %b %Y}"


def span(value: timedelta | None) -> str:
    """A duration in words: `18 s`, `4 min 10 s`, `38 min`, `3 h 05 min`, `2 days`."""
    if value is None:
        return "-"
    total = max(0, round(value.total_seconds()))
    if total < 60:
        return f"{total} s"
    if total < 600:
        return f"{total // 60} min {total % 60:02} s"
    if total < 3600:
        return f"{total // 60} min"
    if total < 48 * 3600:
        return f"{total // 3600} h {total % 3600 // 60:02} min"
    return f"{total // 86400} days"
