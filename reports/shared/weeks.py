"""Weeks: ISO weeks of the business zone, and how complete their data is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reports.model import LastReport, Row
from reports.shared.completeness import (
    COLUMNS,
    Completeness,
    Freshness,
    Snapshot,
    completeness,
    restatements,
)
from reports.shared.text import day_name, listed, short_day
from signalroom import clock

DAYS = 7


@dataclass(frozen=True)
class Week:
    """Monday to Sunday, named by its Sunday."""

    last_day: date

    @property
    def first_day(self) -> date:
        """Its Monday."""
        return self.last_day - timedelta(days=DAYS - 1)

    @property
    def days(self) -> list[date]:
        """All seven."""
        return [self.first_day + timedelta(days=number) for number in range(DAYS)]

    @property
    def before(self) -> Week:
        """The week before."""
        return Week(self.last_day - timedelta(days=DAYS))

    @property
    def words(self) -> str:
        """Its days; with the year of the Monday only if it differs."""
        first, last = self.first_day, self.last_day
        year = f", {first.year}" if first.year != last.year else ""
        return f"{day_name(first)}{year} to {day_name(last)}, {last.year}"

    @property
    def short(self) -> str:
        """Its days, in short form."""
        return f"{short_day(self.first_day)} to {short_day(self.last_day)}"

    @property
    def iso(self) -> str:
        """Its number; the year is that of its Thursday."""
        year, number, _ = self.last_day.isocalendar()
        return f"ISO week {number} of {year}"


def week_name(last_day: date) -> str:
    """A week as the start of a sentence."""
    return f"The week {Week(last_day).short}"


def week_snapshots(
    week: Week,
    past: Sequence[Week],
    rows: Mapping[date, Sequence[Row]],
    history: Mapping[date, LastReport],
    snapshot: Callable[[Sequence[Row]], Snapshot],
) -> dict[str, Snapshot]:
    """The snapshots stored with a message: of its week, and of past weeks reported before."""
    return {
        one.last_day.isoformat(): snapshot(rows.get(one.last_day, []))
        for one in past
        if one == week or (one.last_day in rows and one.last_day in history)
    }


def week_changes(
    week: Week, state: str, now: Mapping[str, Snapshot], history: Mapping[date, LastReport]
) -> tuple[str, ...]:
    """A line for each week that was reported differently; see `restatements`."""
    return restatements(week.last_day, state, now, history, week_name, "weeks").lines


def week_completeness(week: Week, days: Mapping[date, Row]) -> Completeness:
    """Completeness of a week from the rows of its days and of the day after it."""
    each = _each_day(week, days)
    states = {one.state for one in each}
    late: tuple[str, ...] = ()
    if states == {"absent"}:
        state = "absent"
    elif not clock.is_closed(week.last_day, clock.now()):
        state = "running"
    elif states == {"complete"}:
        state = "complete"
    else:
        state = "incomplete"
        late = tuple(
            name for name in COLUMNS if any(name in (*one.late, *one.missing) for one in each)
        )
    freshness = tuple(
        _freshness(name, [one.freshness[at].loaded_at for one in each])
        for at, name in enumerate(COLUMNS)
    )
    missing = tuple(fresh.source for fresh in freshness if fresh.loaded_at is None)
    return Completeness(state, late, missing, freshness, "week")


def open_days(week: Week, days: Mapping[date, Row]) -> list[date]:
    """Days of a week that are not complete."""
    return [
        day
        for day, one in zip(week.days, _each_day(week, days), strict=True)
        if one.state != "complete"
    ]


def is_whole(week: Week, days: Mapping[date, Row]) -> bool:
    """Whether every day of a week is complete, so that another can be compared with it."""
    return not open_days(week, days)


def open_days_note(days: Sequence[date], what: str) -> str:
    """Which days are incomplete and what that means; empty if none is."""
    if not days:
        return ""
    names = listed([day_name(day) for day in days], most=DAYS)
    return f"{names} {'is' if len(days) == 1 else 'are'} not complete: {what}"


def _each_day(week: Week, days: Mapping[date, Row]) -> list[Completeness]:
    return [completeness(day, days) for day in week.days]


def _freshness(source: str, moments: Sequence[datetime | None]) -> Freshness:
    known = [moment for moment in moments if moment is not None]
    return Freshness(source, max(known, default=None), min(known, default=None))
