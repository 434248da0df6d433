"""Completeness: as of when each source was loaded for a day, and whether the day is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from reports.subject import Row
from reports.wording import listed, moment
from signalroom import clock

EVERFLOW, REDTRACK = "Everflow", "RedTrack"
COLUMNS = {EVERFLOW: "everflow_loaded_at", REDTRACK: "redtrack_loaded_at"}
# Loads of one run are minutes apart at most; a source further behind has missed a run.
SAME_RUN = timedelta(minutes=5)


@dataclass(frozen=True)
class Freshness:
    """When a source was last loaded for the day (UTC); None: never."""

    source: str
    loaded_at: datetime | None

    @property
    def words(self) -> str:
        """As a footer says it."""
        if self.loaded_at is None:
            return f"{self.source} not loaded"
        return f"{self.source} as of {moment(self.loaded_at)}"


@dataclass(frozen=True)
class Completeness:
    """What is known of a day.

    `state` is `complete`, `incomplete` (a source is late), `running` (the day is not over) or
    `absent` (no source was loaded for it); `missing` names sources that were never loaded for it.
    """

    state: str
    late: tuple[str, ...]
    missing: tuple[str, ...]
    freshness: tuple[Freshness, ...]

    @property
    def edition(self) -> str:
        """Which telling this is: an incomplete one is followed by one that corrects it."""
        return "complete" if self.state == "complete" else "incomplete"

    @property
    def status(self) -> str:
        """The state in a few words, the late source named."""
        if self.state == "incomplete":
            verb = "is" if len(self.late) == 1 else "are"
            return f"INCOMPLETE: {listed(list(self.late))} {verb} late"
        return {
            "absent": "No data",
            "running": "INCOMPLETE: the day is not over yet",
            "complete": "Complete",
        }[self.state]


def completeness(day: date, rows: Sequence[Row]) -> Completeness:
    """Completeness of a day from its rows; all of them carry the day's own columns."""
    first: Row = rows[0] if rows else {}
    freshness = tuple(Freshness(name, first.get(column)) for name, column in COLUMNS.items())
    missing = tuple(fresh.source for fresh in freshness if fresh.loaded_at is None)
    late: tuple[str, ...] = ()
    if len(missing) == len(freshness):
        state = "absent"
    elif not clock.is_closed(day, clock.now()):
        state = "running"
    elif first["is_complete"]:
        state = "complete"
    else:
        state, late = "incomplete", _late(day, freshness)
    return Completeness(state, late, missing, freshness)


def _late(day: date, freshness: Sequence[Freshness]) -> tuple[str, ...]:
    """Sources not loaded since the day was over; else those that missed the newest run."""
    late = tuple(
        fresh.source
        for fresh in freshness
        if fresh.loaded_at is None or not clock.is_closed(day, fresh.loaded_at)
    )
    if late:
        return late
    loads = {fresh.source: fresh.loaded_at for fresh in freshness if fresh.loaded_at}
    newest = max(loads.values())
    behind = tuple(source for source, at in loads.items() if newest - at > SAME_RUN)
    return behind or tuple(loads)
