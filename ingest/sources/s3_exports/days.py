"""Dates as exports write them: days of the calendar, and of the business zone."""

from __future__ import annotations

from datetime import date, datetime, time

from signalroom import clock

ZONED = "[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"


def is_of_another_day(text: str) -> bool:
    """Whether an instant with a zone is of another business day than the one written.

    Midnight in UTC is how programs write a plain day.
    """
    try:
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
        is_day = moment.time() == time() and not moment.utcoffset()
        return not is_day and clock.local_date(moment) != moment.date()
    except (ValueError, OverflowError):
        return False  # counted as a value that cannot be read, or read as far as its day


def is_day(text: str) -> bool:
    """Whether the date, in either form, exists in the calendar."""
    day = text.replace("T", " ").split(" ")[0]
    try:
        if "/" in day:
            month, number, year = map(int, day.split("/"))
            date(year, month, number)
        else:
            date.fromisoformat(day)
    except ValueError:
        return False
    return True


def day_or_none(year: int, month: int, day: int) -> date | None:
    """The date; None if the calendar has no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None
