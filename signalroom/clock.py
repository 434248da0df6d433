"""The clock and calendar of the whole product.

Business time (`now`, `today`) can be frozen with SIGNALROOM_NOW for tests and replays, or run
faster from there on with SIGNALROOM_CLOCK_FACTOR for rehearsals and the demo; `instant` is the real
clock, which timestamps loads. Days are days of the business time zone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from signalroom.errors import ConfigurationError
from signalroom.settings import require

FASTEST = 86400.0  # a day in a second
ABBREVIATIONS = ("EST", "MST", "HST")  # of one offset; EST5EDT has daylight saving time


def zone() -> ZoneInfo:
    """The business time zone (`SIGNALROOM_TIMEZONE`)."""
    name = require("SIGNALROOM_TIMEZONE")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a folder of zones: America
        raise ConfigurationError(
            f"SIGNALROOM_TIMEZONE is {name!r}: use an IANA name such as America/New_York."
        ) from error


def is_fixed_offset(name: str) -> bool:
    """Whether the zone is an abbreviation or offset such as EST or Etc/GMT+5.

    A place without daylight saving time, such as Japan, is none; nor is UTC.
    """
    is_place = name not in ABBREVIATIONS and not name.startswith("Etc/")
    return not is_place and now().astimezone(ZoneInfo(name)).utcoffset() != timedelta(0)


def instant() -> datetime:
    """The real instant, UTC; never frozen."""
    return datetime.now(UTC)


_STARTED = instant()


def now() -> datetime:
    """Business time, UTC; SIGNALROOM_NOW freezes it or, with a factor, is its start.

    It begins with this process, or at the real instant SIGNALROOM_CLOCK_SINCE, so that processes
    share one clock.

    Without an offset SIGNALROOM_NOW is in the business zone.
    """
    frozen = os.environ.get("SIGNALROOM_NOW", "").strip()
    if not frozen:
        return instant()
    try:
        moment = datetime.fromisoformat(frozen)
        if not 1 < moment.year < MAXYEAR:
            raise ValueError(frozen)
    except ValueError as error:
        raise ConfigurationError(
            f"SIGNALROOM_NOW is {frozen!r}: use an ISO timestamp such as 2026-11-19T09:30:00-05:00."
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone())
    return moment.astimezone(UTC) + _run_since(_began())


def _began() -> datetime:
    since = os.environ.get("SIGNALROOM_CLOCK_SINCE", "").strip()
    try:
        return datetime.fromisoformat(since).astimezone(UTC) if since else _STARTED
    except ValueError:
        raise ConfigurationError(
            f"SIGNALROOM_CLOCK_SINCE is {since!r}: use an ISO timestamp such as "
            "2026-11-19T14:30:00+00:00."
        ) from None


def factor() -> float:
    """How many times faster than real business time runs (SIGNALROOM_CLOCK_FACTOR); 0: not set.

    Raises ConfigurationError for anything but a number from 0 to 86,400.
    """
    given = os.environ.get("SIGNALROOM_CLOCK_FACTOR", "").strip() or "0"
    with suppress(ValueError):
        if 0 <= (found := float(given)) <= FASTEST:
            return found
    raise ConfigurationError(
        f"SIGNALROOM_CLOCK_FACTOR is {given!r}: use a number, such as 60 for a day in 24 minutes; "
        "it is for rehearsals only."
    )


def is_frozen() -> bool:
    """Whether business time is frozen and does not run on from there."""
    return bool(os.environ.get("SIGNALROOM_NOW", "").strip()) and not factor()


def _run_since(started: datetime) -> timedelta:
    """How far business time has advanced in this process; zero while it is frozen."""
    return (instant() - started) * factor()


def business(at: datetime) -> datetime:
    """A real instant on a rehearsal's clock; unchanged if business time is real.

    Before SIGNALROOM_CLOCK_SINCE the clock was stopped.
    """
    pace = factor() if os.environ.get("SIGNALROOM_NOW", "").strip() else 0
    began = _began() if os.environ.get("SIGNALROOM_CLOCK_SINCE", "").strip() else at
    return now() - (instant() - max(at, began)) * pace if pace else at


def has_same_rules(one: ZoneInfo, other: ZoneInfo) -> bool:
    """Whether two zones have the same time, like an alias (US/Eastern) and its zone."""
    days = [datetime(2010, 1, 1, 5, tzinfo=UTC) + timedelta(days=day) for day in range(0, 9131)]
    return all(day.astimezone(one).utcoffset() == day.astimezone(other).utcoffset() for day in days)


def local_date(moment: datetime) -> date:
    """The business day on which an instant falls."""
    return moment.astimezone(zone()).date()


def today() -> date:
    """The current business day."""
    return local_date(now())


def yesterday() -> date:
    """The last business day that has ended."""
    return today() - timedelta(days=1)


def midnight(day: date) -> datetime:
    """The instant, UTC, at which a business day begins; days of a clock change last 23 or 25 h."""
    return datetime.combine(day, time.min, tzinfo=zone()).astimezone(UTC)


def is_closed(day: date, moment: datetime) -> bool:
    """Whether the business day had ended at that instant."""
    return moment >= midnight(day + timedelta(days=1))
