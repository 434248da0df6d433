"""Restatement: in what a day differs from what was last told of it, and because of what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.model import Row, Told
from reports.shared.completeness import EVERFLOW, REDTRACK
from reports.shared.figures import EXACT, add, count, money, ratio, rounded, signed
from reports.shared.words import day_name, listed, moment

Value = Decimal | int | None
# A measure is kept as `what|kind|name`: what moved, or why it did; a count, or money.
MAIN, WHY = "main", "why"


def measure(what: str, name: str, value: Value) -> dict[str, str]:
    """One entry of a snapshot; none where the value is unknown. Money is a Decimal."""
    if value is None:
        return {}
    if isinstance(value, int):
        return {f"{what}|count|{name}": str(value)}
    return {f"{what}|money|{name}": format(value.normalize(EXACT), "f")}


def difference(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """From what, to what, because of what; empty when not a cent has moved."""
    moved, causes = [], []
    for key in sorted(set(then) & set(now), key=list(now).index):
        what, kind, name = key.split("|", 2)
        if kind == "count":
            before, after, change = int(then[key]), int(now[key]), int(now[key]) - int(then[key])
            texts, step = (count(before), count(after)), signed(change)
        else:
            spent, due = Decimal(then[key]), Decimal(now[key])
            moved_by = rounded(EXACT.subtract(due, spent)) or Decimal(0)
            texts, change, step = (money(spent), money(due)), int(moved_by != 0), signed(moved_by)
        if not change:
            continue
        if what == MAIN:
            moved.append(f"{name} {texts[0]} \u2192 {texts[1]}")
        else:
            causes.append(f"{name} {step}")
    because = listed(causes, most=5)
    if not moved:
        return f"the totals stand, but {because}." if because else ""
    return "; ".join(part for part in (", ".join(moved), because) if part) + "."


Snapshot = Mapping[str, str]
Difference = Callable[[Snapshot, Snapshot], str]  # empty when not a cent has moved
MOST = 5
SOURCE_OF_COST = {"internal": REDTRACK, "external": EVERFLOW, "unmapped": REDTRACK}


def snapshot(rows: Sequence[Row], missing: Sequence[str]) -> dict[str, str]:
    """The sums of a day that are compared later, as text: they are stored with the message.

    What a missing source should have told is left out.
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


@dataclass(frozen=True)
class Changes:
    """What has changed since it was reported, in words, and the days that the words name."""

    lines: tuple[str, ...]
    days: tuple[date, ...]


def restatements(
    day: date,
    state: str,
    now: Mapping[str, Snapshot],
    history: Mapping[date, Told],
    difference: Difference | None = None,
    named: Callable[[date], str] = day_name,
    unit: str = "days",
) -> Changes:
    """A line for each day that was reported otherwise, the newest first.

    `now` has the snapshots by ISO day, of a longer period by its last; `difference` words what
    two of them differ in, `named` one period and `unit` several. A first complete message after
    an INCOMPLETE one of the same day says what it corrects even when numbers unchanged.
    """
    lines, days = [], []
    for told_day in sorted(history, reverse=True):
        told, current = history[told_day], now.get(told_day.isoformat())
        if current is None:
            continue
        changed = (difference or _difference)(told.figures, current)
        if told_day == day and told.edition == "incomplete" and state == "complete":
            what = changed or "numbers unchanged."
            lines.append(f"Replaces the incomplete report of {moment(told.at)}: {what}")
        elif changed:
            lines.append(
                f"{named(told_day)} has changed since we reported it on {moment(told.at)}: "
                f"{changed}"
            )
        else:
            continue
        days.append(told_day)
    if len(lines) > MOST:
        lines = [*lines[:MOST], f"{len(lines) - MOST} earlier {unit} have changed as well."]
    return Changes(tuple(lines), tuple(days[:MOST]))


def _difference(then: Snapshot, now: Snapshot) -> str:
    """From what, to what, because of what; empty when not a cent has moved."""
    old, new = _Sums(then), _Sums(now)
    moved = [
        f"{name} {before} \u2192 {after}"
        for name, before, after in (
            ("CPA", old.cpa_word, new.cpa_word),
            ("conversions", old.conversions_word, new.conversions_word),
            ("cost", old.cost_word, new.cost_word),
        )
        if before != after
    ]
    causes = listed(_causes(old, new), most=5)
    if not moved:
        return f"the total stands, but {causes}." if causes else ""
    return "; ".join(part for part in (", ".join(moved), causes) if part) + "."


class _Sums:
    """A snapshot in numbers; None is unknown."""

    def __init__(self, figures: Snapshot) -> None:
        self.costs = {kind: _decimal(figures.get(f"{kind}_cost")) for kind in SOURCE_OF_COST}
        self.sold = {
            kind: _decimal(figures.get(f"{kind}_conversions")) for kind in ("internal", "external")
        }
        self.cost = _sum([self.costs["internal"], self.costs["external"]])
        self.conversions = _sum([*self.sold.values()])

    @property
    def cpa_word(self) -> str:
        if self.cost is None or self.conversions is None:
            return "unknown"
        return money(ratio(self.cost, self.conversions)) if self.conversions else "none"

    @property
    def conversions_word(self) -> str:
        return "unknown" if self.conversions is None else count(int(self.conversions))

    @property
    def cost_word(self) -> str:
        return "unknown" if self.cost is None else money(self.cost)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return add(known) if len(known) == len(values) else None


def _causes(old: _Sums, new: _Sums) -> list[str]:
    """What moved by how much, where both sides are known."""
    causes = []
    for kind, name in (("internal", "paid-media"), ("external", "affiliate")):
        before, after = old.sold[kind], new.sold[kind]
        if before is not None and after is not None and before != after:
            change = int(after - before)
            verb = "added" if change > 0 else "removed"
            noun = "conversion" if abs(change) == 1 else "conversions"
            causes.append(f"Everflow {verb} {count(abs(change))} {name} {noun}")
    for kind, name in (
        ("internal", "RedTrack spend"),
        ("external", "Everflow payout"),
        ("unmapped", "unmapped spend"),
    ):
        paid, due = old.costs[kind], new.costs[kind]
        if paid is not None and due is not None:
            difference = rounded(EXACT.subtract(due, paid))
            if difference:
                verb = "rose" if difference > 0 else "fell"
                causes.append(f"{name} {verb} {money(abs(difference))}")
    return causes
