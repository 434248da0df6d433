"""Changes: a number compared with an earlier one or a goal, and sentences on what changed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports.shared.figures import (
    ABSENT,
    EXACT,
    MINUS,
    Figures,
    cost_each,
    count,
    money,
    percent_change,
    rounded,
    signed,
)
from signalroom.plural import counted

Value = Decimal | int | None
NO_BASE = "n/a (was 0)"


@dataclass(frozen=True)
class Movement:
    """A number (money is a Decimal, a count an int) and the one it is compared with.

    None is unknown. `shown` and `shown_before` are the amounts in cents if parts must add up to
    their total; the change is that of the exact numbers, as in the marts. `mean` is the text of an
    average that it is compared with, `nothing` that of a zero.
    """

    now: Value
    before: Value = None
    less_is_good: bool | None = False
    shown: Decimal | None = None
    shown_before: Decimal | None = None
    mean: str = ""
    nothing: str = ""

    @property
    def text(self) -> str:
        """The number."""
        if self.nothing and self.now == 0:
            return self.nothing
        return _written(self.now, self.shown)

    @property
    def before_text(self) -> str:
        """The number it is compared with."""
        if self.nothing and self.before == 0:
            return self.nothing
        return self.mean or _written(self.before, self.shown_before)

    @property
    def change(self) -> Value:
        """By how much it changed; None with nothing to compare."""
        if self.now is None or self.before is None:
            return None
        if isinstance(self.now, int) and isinstance(self.before, int):
            return self.now - self.before
        return rounded(EXACT.subtract(Decimal(self.now), Decimal(self.before)))

    @property
    def change_text(self) -> str:
        """The change with its sign."""
        if self.change is None:
            return ABSENT
        return signed(self.change) if self.change else "0"

    @property
    def percent_text(self) -> str:
        """The change in percent, or that there is no base."""
        if self.now is None or self.before is None:
            return ABSENT
        share = percent_change(self.now, self.before)
        if share is None:
            return NO_BASE
        if abs(share) >= 1000:
            return f"{'+' if share > 0 else MINUS}>999%"
        return f"{'+' if share > 0 else MINUS if share < 0 else ''}{abs(share)}%"

    @property
    def arrow_text(self) -> str:
        """The change in percent with an arrow."""
        text = self.percent_text
        if not text.endswith("%") or not self._direction:
            return text
        return f"{'▲' if self._direction > 0 else '▼'} {text.lstrip('+' + MINUS)}"

    @property
    def from_text(self) -> str:
        """The change in percent with an arrow, and from what; empty if there is none."""
        text = self.arrow_text
        if not text.endswith("%"):
            return ""
        return f"{text if self._direction else f'= {text}'} from {self.before_text}"

    @property
    def over_text(self) -> str:
        """How far it is over or under a goal; empty without one."""
        if not self.percent_text.endswith("%"):
            return ""
        if not self._direction:
            return "on target"
        return f"{self.arrow_text} {'over' if self._direction > 0 else 'under'}"

    @property
    def is_good(self) -> bool | None:
        """Whether it changed for the better; None if that has no meaning."""
        if not self._direction or self.less_is_good is None:
            return None
        return (self._direction < 0) == self.less_is_good

    @property
    def _direction(self) -> int:
        """1 up, -1 down; 0 if unchanged, or by less than the percentage shows."""
        share = percent_change(self.now, self.before)
        moved = self.change if share is None else share
        return 0 if not moved else 1 if moved > 0 else -1


def _written(value: Value, shown: Decimal | None) -> str:
    if isinstance(value, int):
        return count(value)
    return money(shown if shown is not None and value is not None else value)


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
