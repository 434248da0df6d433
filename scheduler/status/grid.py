"""A grid of sources and days: whether each was pulled that day, rows and duration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from scheduler.runs.ledger import Ledger
from signalroom import clock

DAYS = 14


@dataclass(frozen=True)
class Cell:
    """One source on one business day: its last state, rows, seconds and tries of that day."""

    day: date
    state: str = "none"
    rows: int = 0
    seconds: float = 0.0
    pulls: int = 0
    failures: int = 0


def source_grid(days: int = DAYS) -> Mapping[str, list[Cell]]:
    """The last days by source, oldest first; `state` is none if nothing ran.

    A day's state is that of its last pull; with failures before it `failures` says how many.
    """
    today = clock.today()
    wanted = [today - timedelta(days=back) for back in reversed(range(days))]
    with Ledger() as ledger:
        rows = ledger.pulls_since(clock.midnight(wanted[0]))
    found: dict[str, dict[date, Cell]] = {}
    for row in sorted(rows, key=lambda one: (one["day"], str(one["started_at"] or ""))):
        if row["started_at"] is None:
            continue
        source = row["step"].partition(":")[2]
        before = found.setdefault(source, {}).get(row["day"], Cell(row["day"]))
        over = row["finished_at"]
        took = (over - row["started_at"]).total_seconds() if over else 0.0
        found[source][row["day"]] = Cell(
            day=row["day"],
            state=row["status"],
            rows=before.rows + int(row["rows"] or 0),
            seconds=before.seconds + max(0.0, took),
            pulls=before.pulls + 1,
            failures=before.failures + (row["status"] == "failed"),
        )
    return {
        source: [cells.get(day, Cell(day)) for day in wanted]
        for source, cells in sorted(found.items())
    }
