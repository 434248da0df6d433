"""Completeness: when each source was loaded for a day, and whether the day is complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reports.model import Row
from reports.shared.text import listed
from signalroom import clock
from signalroom.times import moment

EVERFLOW, REDTRACK = "Everflow", "RedTrack"
COLUMNS = {EVERFLOW: "everflow_loaded_at", REDTRACK: "redtrack_loaded_at"}


@dataclass(frozen=True)
class Freshness:
    """When a source was last loaded for the day (UTC); None: never.

    For several days `loaded_at` is the newest load and `oldest` that of the day loaded longest ago.
    """

    source: str
    loaded_at: datetime | None
    oldest: datetime | None = None

    @property
    def words(self) -> str:
        """As text for a footer."""
        if self.loaded_at is None:
            return f"{self.source} not loaded"
        words = f"{self.source} as of {moment(self.loaded_at)}"
        if self.oldest is not None and moment(self.oldest) != moment(self.loaded_at):
            words += f", oldest data {moment(self.oldest)}"
        return words


@dataclass(frozen=True)
class Completeness:
    """The state of a day, or of a longer `period`.

    `state` is `complete`, `incomplete` (a source is late), `running` (the day is not over) or
    `absent` (no source was loaded for it); `missing` names sources that were never loaded for it.
    """

    state: str
    late: tuple[str, ...]
    missing: tuple[str, ...]
    freshness: tuple[Freshness, ...]
    period: str = "day"

    @property
    def edition(self) -> str:
        """The edition: an incomplete one is followed by a correction."""
        return "complete" if self.state == "complete" else "incomplete"

    @property
    def status(self) -> str:
        """The state in a few words, with the late source."""
        if self.state == "incomplete":
            verb = "is" if len(self.late) == 1 else "are"
            return f"INCOMPLETE: {listed(list(self.late))} {verb} late"
        return {
            "absent": "No data",
            "running": f"INCOMPLETE: the {self.period} is not over yet",
            "complete": "Complete",
        }[self.state]


def by_day(rows: Iterable[Row]) -> dict[date, Row]:
    """The rows of shared/days.sql by their day."""
    return {row["date"]: row for row in rows}


def completeness(day: date, days: Mapping[date, Row]) -> Completeness:
    """Completeness of a day from its row, and from that of the day after, to name late sources."""
    own, after = days.get(day), days.get(day + timedelta(days=1))
    freshness = _freshness(own)
    missing = tuple(fresh.source for fresh in freshness if fresh.loaded_at is None)
    late: tuple[str, ...] = ()
    if own is None or len(missing) == len(freshness):
        state = "absent"
    elif not clock.is_closed(day, clock.now()):
        state = "running"
    elif own["is_complete"]:
        state = "complete"
    else:
        state, late = "incomplete", _late(freshness, _freshness(after))
    return Completeness(state, late, missing, freshness)


def _freshness(row: Row | None) -> tuple[Freshness, ...]:
    known: Row = row or {}
    return tuple(Freshness(name, known.get(column)) for name, column in COLUMNS.items())


def _late(day: Sequence[Freshness], day_after: Sequence[Freshness]) -> tuple[str, ...]:
    """Sources without a pull since the end of the day.

    Every pull includes its current day, so one that began after midnight has requested the day
    after as well; the time when a load ended does not show when it began.
    """
    late = tuple(
        fresh.source
        for fresh, after in zip(day, day_after, strict=True)
        if fresh.loaded_at is None or after.loaded_at is None
    )
    return late or tuple(fresh.source for fresh in day)
