"""Completeness and restatement: is a day complete, and what has changed since it was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from reports.model import LastReport, Row
from reports.shared.figures import EXACT, add, count, money, ratio, rounded
from reports.shared.text import day_name, listed
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


Value = Decimal | int | None
# Exact numbers as text, because they are stored with the message. Those of a week are measures,
# `what|kind|name`: what changed, or why; a count, or money. Those of a day are its sums.
Snapshot = Mapping[str, str]
MAIN, WHY = "main", "why"
MOST = 5
SOURCE_OF_COST = {"internal": REDTRACK, "external": EVERFLOW, "unmapped": REDTRACK}


def snapshot(rows: Sequence[Row], missing: Sequence[str]) -> dict[str, str]:
    """The sums of a day that are compared later, as text, stored with the message.

    Data of a missing source is left out.
    """
    parts: dict[str, list[Row]] = {"internal": [], "external": [], "unmapped": []}
    for row in rows:
        kind = "internal" if row["is_internal"] else "external"
        parts["unmapped" if row["is_unmapped"] else kind].append(row)
    taken: dict[str, str] = {}
    for kind, part in parts.items():
        if SOURCE_OF_COST[kind] not in missing:
            cost = add(Decimal(row["cost"] or 0) for row in part)
            taken[f"{kind}_cost"] = format(cost.normalize(EXACT), "f")
        if kind != "unmapped" and EVERFLOW not in missing:
            taken[f"{kind}_conversions"] = str(sum(int(row["conversions"] or 0) for row in part))
    return taken


def measure(what: str, name: str, value: Value, kind: str = "") -> dict[str, str]:
    """One entry of a snapshot; none if the value is unknown. Money is a Decimal."""
    if value is None:
        return {}
    if isinstance(value, int):
        return {f"{what}|{kind or 'count'}|{name}": str(value)}
    return {f"{what}|{kind or 'money'}|{name}": format(value.normalize(EXACT), "f")}


def difference(then: Snapshot, now: Snapshot) -> str:
    """The change with its reason; empty if nothing changed by a cent."""
    is_week = any("|" in key for key in {**then, **now})
    old, new = (then, now) if is_week else (_measures(then), _measures(now))
    moved, causes = [], []
    for key in (one for one in new if one in old):
        what, kind, name = key.split("|", 2)
        if what == MAIN:
            before, after = _written(kind, old[key]), _written(kind, new[key])
            if before != after:
                moved.append(f"{name} {before} \u2192 {after}")
        elif cause := _cause(kind, name, EXACT.subtract(Decimal(new[key]), Decimal(old[key]))):
            causes.append(cause)
    because = listed(causes, most=5)
    if not moved:
        return f"the totals are unchanged, but {because}." if because else ""
    return "; ".join(part for part in (", ".join(moved), because) if part) + "."


def _written(kind: str, value: str) -> str:
    """A number as messages show it; a word instead of one is unchanged."""
    if not value[-1:].isdigit():
        return value
    return count(int(Decimal(value))) if kind == "count" else money(Decimal(value))


def _cause(kind: str, name: str, change: Decimal) -> str:
    """What changed by how much; empty if less than a cent."""
    if kind == "money":
        change = rounded(change) or Decimal(0)
    if not change:
        return ""
    if kind == "added":
        noun = "conversion" if abs(change) == 1 else "conversions"
        verb = "added" if change > 0 else "removed"
        return f"Everflow {verb} {count(abs(int(change)))} {name} {noun}"
    size = money(abs(change)) if kind == "money" else count(abs(int(change)))
    return f"{name} {'rose' if change > 0 else 'fell'} {size}"


def _measures(taken: Snapshot) -> Snapshot:
    """The sums of a day as measures."""
    costs = {kind: _decimal(taken.get(f"{kind}_cost")) for kind in SOURCE_OF_COST}
    sold = {kind: _decimal(taken.get(f"{kind}_conversions")) for kind in ("internal", "external")}
    cost, conversions = _sum([costs["internal"], costs["external"]]), _sum([*sold.values()])
    cpa = ratio(cost, conversions) if cost is not None and conversions else None
    is_known = cost is not None and conversions is not None
    known = {
        "main|money|CPA": cpa if cpa is not None else "none" if is_known else None,
        "main|count|conversions": conversions,
        "main|money|cost": cost,
    }
    causes = {
        "why|added|paid-media": sold["internal"],
        "why|added|affiliate": sold["external"],
        "why|money|RedTrack spend": costs["internal"],
        "why|money|Everflow payout": costs["external"],
        "why|money|unmapped spend": costs["unmapped"],
    }
    return {
        **{key: "unknown" if value is None else str(value) for key, value in known.items()},
        **{key: str(value) for key, value in causes.items() if value is not None},
    }


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return add(known) if len(known) == len(values) else None


@dataclass(frozen=True)
class Changes:
    """What has changed since it was reported, in words, and the days in these words."""

    lines: tuple[str, ...]
    days: tuple[date, ...]


def restatements(
    day: date,
    state: str,
    now: Mapping[str, Snapshot],
    history: Mapping[date, LastReport],
    named: Callable[[date], str] = day_name,
    unit: str = "days",
) -> Changes:
    """A line for each day that was reported differently, the newest first.

    `now` has the snapshots by ISO day, for a longer period by its last; `named` is the text for one
    period and `unit` for several. A first complete message after an INCOMPLETE one for the same day
    says what it corrects even if numbers are unchanged.
    """
    lines, days = [], []
    for earlier_day in sorted(history, reverse=True):
        last, current = history[earlier_day], now.get(earlier_day.isoformat())
        if current is None:
            continue
        changed = difference(last.figures, current)
        if earlier_day == day and last.edition == "incomplete" and state == "complete":
            what = changed or "numbers unchanged."
            lines.append(f"Replaces the incomplete report of {moment(last.at)}: {what}")
        elif changed:
            lines.append(
                f"{named(earlier_day)} has changed since we reported it on {moment(last.at)}: "
                f"{changed}"
            )
        else:
            continue
        days.append(earlier_day)
    if len(lines) > MOST:
        lines = [*lines[:MOST], f"{len(lines) - MOST} earlier {unit} have changed as well."]
    return Changes(tuple(lines), tuple(days[:MOST]))
