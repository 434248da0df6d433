"""Changes: a number compared with an earlier one or a goal, as text for every channel."""

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
