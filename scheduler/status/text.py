"""Times and durations in words, one style for terminal and page: US, business time."""

from __future__ import annotations

from datetime import datetime, timedelta

from signalroom import clock

NEAR = timedelta(days=6)  # so far, a weekday says which day is meant


def clock_time(moment: datetime) -> str:
    """The time of day: `7:29 AM`."""
    return f"{moment.astimezone(clock.zone()):%-I:%M %p}"


def when(moment: datetime | None) -> str:
    """An instant: the time today, otherwise with its weekday or date."""
    if moment is None:
        return "-"
    local, today = moment.astimezone(clock.zone()), clock.today()
    if local.date() == today:
        return clock_time(moment)
    if abs(local.date() - today) <= NEAR:
        return f"{local:%a} {clock_time(moment)}"
    if local.year == today.year:
        return f"{local:%b %-d}, {clock_time(moment)}"
    return f"{local:%b %-d, %Y}"


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
