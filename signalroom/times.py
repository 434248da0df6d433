"""Times and durations in words, one style for terminal, page and messages: US, business time."""

from __future__ import annotations

from datetime import datetime, timedelta

from signalroom import clock

NEAR = timedelta(days=6)  # within this, a weekday is unambiguous


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


def ran(at: datetime | None) -> str:
    """The same for a real-clock instant, on a rehearsal's clock."""
    return when(clock.business(at) if at else at)


def moment(at: datetime) -> str:
    """An instant for a sentence that may be read on any day: `Nov 19, 7:00 AM EST`.

    With the year if it is not the current one.
    """
    local = at.astimezone(clock.zone())
    year = "" if local.year == clock.today().year else f", {local.year}"
    return f"{local:%b %-d}{year}, {clock_time(at)} {local:%Z}"


def span(value: timedelta | None, with_seconds: bool = True) -> str:
    """A duration in its two largest units: `18 s`, `4 min 10 s`, `38 min`, `3 h 5 min`, `2 days`.

    Without seconds, one below a minute is `less than a minute`.
    """
    if value is None:
        return "-"
    seconds = max(0, int(value.total_seconds()))
    if not with_seconds and seconds < 60:
        return "less than a minute"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes == 0:
        return f"{seconds} s"
    if hours == 0:
        rest = f" {seconds % 60} s" if with_seconds and minutes < 10 else ""
        return f"{minutes} min{rest}"
    if days == 0:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{days} day{'' if days == 1 else 's'}" + (f" {hours % 24} h" if hours % 24 else "")
