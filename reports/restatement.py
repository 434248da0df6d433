"""Restatement: in what a day differs from what was last told of it, and because of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from reports.figures import EXACT, add, count, money, ratio, rounded, signed
from reports.subject import Row, Told
from reports.wording import day_name, listed, moment

Snapshot = Mapping[str, str]
MOST = 5


def snapshot(rows: Sequence[Row]) -> dict[str, str]:
    """The sums of a day that are compared later, as text: they are stored with the message."""
    parts: dict[str, list[Row]] = {"internal": [], "external": [], "unmapped": []}
    for row in rows:
        if row["affiliate_label"] is None:
            continue
        kind = (
            "unmapped" if row["is_unmapped"] else "internal" if row["is_internal"] else "external"
        )
        parts[kind].append(row)
    taken = {
        f"{kind}_cost": format(add(Decimal(row["cost"] or 0) for row in part).normalize(EXACT), "f")
        for kind, part in parts.items()
    }
    for kind in ("internal", "external"):
        taken[f"{kind}_conversions"] = str(sum(int(row["conversions"] or 0) for row in parts[kind]))
    return taken


def restatements(
    day: date,
    state: str,
    now: Mapping[str, Snapshot],
    history: Mapping[date, Told],
) -> list[str]:
    """One line for each day that was told otherwise, the newest first.

    `now` has the snapshots by ISO day. A first complete message after an INCOMPLETE one of the
    same day says what it corrects even when the numbers stand.
    """
    lines = []
    for told_day in sorted(history, reverse=True):
        told, current = history[told_day], now.get(told_day.isoformat())
        if current is None:
            continue
        changed = _difference(told.figures, current)
        if told_day == day and told.edition == "incomplete" and state == "complete":
            what = changed or "the numbers stand."
            lines.append(f"Corrects the INCOMPLETE message of {moment(told.at)}: {what}")
        elif changed:
            lines.append(
                f"{day_name(told_day)} has changed since it was told on {moment(told.at)}: "
                f"{changed}"
            )
    if len(lines) > MOST:
        return [*lines[:MOST], f"{len(lines) - MOST} earlier days have changed as well."]
    return lines


def _difference(then: Snapshot, now: Snapshot) -> str:
    """From what, to what, because of what; empty when not a cent has moved."""
    old, new = _Sums(then), _Sums(now)
    moved = []
    if rounded(old.cpa) != rounded(new.cpa):
        moved.append(f"CPA {money(old.cpa)} → {money(new.cpa)}")
    if old.conversions != new.conversions:
        moved.append(f"conversions {count(old.conversions)} → {count(new.conversions)}")
    if rounded(old.cost) != rounded(new.cost):
        moved.append(f"cost {money(old.cost)} → {money(new.cost)}")
    causes = _causes(old, new)
    if not moved and not causes:
        return ""
    if not moved:
        return f"the total stands, but {listed(causes, most=5)}."
    return f"{', '.join(moved)}; {listed(causes, most=5)}."


class _Sums:
    """A snapshot in numbers."""

    def __init__(self, figures: Snapshot) -> None:
        self.internal_cost = Decimal(figures.get("internal_cost", "0"))
        self.external_cost = Decimal(figures.get("external_cost", "0"))
        self.unmapped_cost = Decimal(figures.get("unmapped_cost", "0"))
        self.internal = int(figures.get("internal_conversions", "0"))
        self.external = int(figures.get("external_conversions", "0"))
        self.conversions = self.internal + self.external
        self.cost = add([self.internal_cost, self.external_cost])
        self.cpa = ratio(self.cost, self.conversions)


def _causes(old: _Sums, new: _Sums) -> list[str]:
    causes = []
    for name, before, after in (
        ("paid media", old.internal, new.internal),
        ("affiliates", old.external, new.external),
    ):
        if after != before:
            causes.append(f"Everflow counts {signed(after - before)} for {name}")
    for name, paid, due in (
        ("RedTrack spend", old.internal_cost, new.internal_cost),
        ("Everflow payout", old.external_cost, new.external_cost),
        ("unmapped spend", old.unmapped_cost, new.unmapped_cost),
    ):
        difference = rounded(EXACT.subtract(due, paid))
        if difference:
            causes.append(f"{name} is {signed(difference)}")
    return causes
