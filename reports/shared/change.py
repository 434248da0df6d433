"""Movements: a number of a week beside that of the week before, as every channel words it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from reports.shared.figures import (
    ABSENT,
    EXACT,
    MINUS,
    count,
    money,
    percent_change,
    rounded,
    signed,
)

Value = Decimal | int | None
NO_BASE = "n/a (was 0)"


@dataclass(frozen=True)
class Movement:
    """A number (money is a Decimal, a count an int) and the one that it is compared with.

    None is unknown. `shown` and `shown_before` are the amounts in cents where parts must add up
    to their whole; the change is that of the exact numbers, as in the marts.
    """

    now: Value
    before: Value = None
    less_is_good: bool | None = False
    shown: Decimal | None = None
    shown_before: Decimal | None = None

    @property
    def text(self) -> str:
        """The number."""
        return _written(self.now, self.shown)

    @property
    def before_text(self) -> str:
        """The number that it is compared with."""
        return _written(self.before, self.shown_before)

    @property
    def change(self) -> Value:
        """By how much it moved; None with nothing to compare."""
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
        """The change in percent; without a base it says so."""
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
        """The change in percent with an arrow, as the daily report has it."""
        text = self.percent_text
        if not text.endswith("%") or not self.change:
            return text
        return f"{'▲' if self.change > 0 else '▼'} {text.lstrip('+' + MINUS)}"

    @property
    def is_good(self) -> bool | None:
        """Whether it moved the right way; None where that says nothing."""
        if not self.change or self.less_is_good is None:
            return None
        return (self.change < 0) == self.less_is_good


def _written(value: Value, shown: Decimal | None) -> str:
    if isinstance(value, int):
        return count(value)
    return money(shown if shown is not None and value is not None else value)
