"""Retold: in what a week differs from what was last told of it, measure by measure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from reports.messages.text import listed
from reports.shared.figures import EXACT, count, money, rounded, signed

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
