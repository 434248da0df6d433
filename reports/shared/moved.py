"""What changed: sentences comparing a day or week with the one before, from its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports.shared.figures import EXACT, Figures, cost_each, count, money, rounded
from signalroom.plural import counted


@dataclass(frozen=True)
class Compared:
    """The figures of a part in the period and in the one before."""

    name: str
    now: Figures
    before: Figures


def what_moved(
    total: Compared,
    parts: Mapping[str, Compared],
    *more: str,
    cost: str = "cost",
) -> tuple[str, ...]:
    """The total, which parts changed it most, and further sentences.

    None if a CPA is unknown on either side; `cost` is the name of the cost.
    """
    if total.now.cpa is None or total.before.cpa is None:
        return ()
    sentences = [_whole(total, cost), _driver(total, parts), *more]
    return tuple(sentence for sentence in sentences if sentence)


def _whole(total: Compared, cost: str) -> str:
    now, before = total.now.cpa, total.before.cpa
    if now is None or before is None:
        return ""
    change = _cents(now, before)
    moved = f"{'rose' if change > 0 else 'fell'} {money(abs(change))} to" if change else "stayed at"
    sold = (total.now.conversions or 0) - (total.before.conversions or 0)
    spent = _cents(total.now.cost or Decimal(0), total.before.cost or Decimal(0))
    parts = []
    if sold:
        parts.append(counted(abs(sold), f"{'more' if sold > 0 else 'fewer'} conversion"))
    if spent:
        parts.append(f"{money(abs(spent))} {'more' if spent > 0 else 'less'} {cost}")
    because = f", on {' and '.join(parts)}" if parts else ""
    return f"CPA {moved} {cost_each(now)}{because}."


def _driver(total: Compared, parts: Mapping[str, Compared]) -> str:
    """The part that changed the CPA most: by its cost above the earlier CPA, then and now."""
    base, now = total.before.cpa, total.now.cpa
    if base is None or now is None or not _cents(now, base):
        return ""
    pushes = {
        label: EXACT.subtract(_beyond(one.now, base), _beyond(one.before, base))
        for label, one in parts.items()
    }
    is_up = now > base
    label = max(pushes, key=lambda one: (pushes[one] if is_up else -pushes[one], one), default=None)
    if label is None or not pushes[label] or (pushes[label] > 0) != is_up:
        return ""
    one = parts[label]
    before = f"{count(one.before.conversions)} at {_at(one.before)}"
    return (
        f"Mostly {one.name}: {counted(one.now.conversions or 0, 'conversion')} at {_at(one.now)} "
        f"(from {before if one.before.conversions else 'none'})."
    )


def each(parts: Sequence[Compared]) -> str:
    """The CPA of each part in one sentence."""
    found = []
    for one in parts:
        if one.now.cpa is None or one.before.cpa is None:
            continue
        change = _cents(one.now.cpa, one.before.cpa)
        moved = f"{'up' if change > 0 else 'down'} {money(abs(change))} to"
        how = moved if change and one.now.cpa else "at" if change else "unchanged at"
        found.append(f"{one.name} {how} {cost_each(one.now.cpa)}")
    text = ", ".join(found)
    return f"{text[0].upper()}{text[1:]} per conversion." if text else ""


def amount(name: str, now: Decimal | None, before: Decimal | None) -> str:
    """How an amount of money changed; empty if one of the two is unknown."""
    if now is None or before is None:
        return ""
    change = _cents(now, before)
    if not change:
        return f"{name} stayed at {money(now)}."
    return f"{name} {'rose' if change > 0 else 'fell'} {money(abs(change))} to {money(now)}."


def _beyond(figures: Figures, base: Decimal) -> Decimal:
    """What a part costs beyond the base for each of its conversions."""
    fair = EXACT.multiply(base, Decimal(figures.conversions or 0))
    return EXACT.subtract(figures.cost or Decimal(0), fair)


def _at(figures: Figures) -> str:
    return cost_each(figures.cpa)


def _cents(now: Decimal, before: Decimal) -> Decimal:
    return rounded(EXACT.subtract(now, before)) or Decimal(0)
