"""Figures: exact sums, ratios of sums, and number formats.

Ratios are computed only here, from exact sums; rounding (half up) happens only when a number is
shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

# Sums of decimal(38,18) over many rows exceed Decimal's default of 28 digits.
EXACT = Context(prec=80)
CENT = Decimal("0.01")
ABSENT = "\u2013"  # an unknown number is never shown as zero
MINUS = "\u2212"
NO_COST = "no cost"  # the CPA of conversions whose cost is really zero


@dataclass(frozen=True)
class Figures:
    """Conversions (None: unknown), their cost and the cost as shown, in cents.

    `shown` differs from the half-up rounding of `cost` by less than a cent, and only where parts
    would otherwise not add up to their total.
    """

    conversions: int | None
    cost: Decimal | None
    shown: Decimal | None = None

    @property
    def cpa(self) -> Decimal | None:
        """Cost per conversion, unrounded; None without conversions or if anything is unknown."""
        return ratio(self.cost, self.conversions)

    @property
    def words(self) -> str:
        """Conversions and CPA for a sentence."""
        if self.conversions is None:
            return "conversions unknown"
        noun = "conversion" if self.conversions == 1 else "conversions"
        cpa = "no CPA" if self.cpa is None else f"CPA {money(self.cpa)}" if self.cpa else NO_COST
        return f"{count(self.conversions)} {noun}, {cpa}"

    @property
    def cents(self) -> Decimal | None:
        """The cost as shown."""
        return self.shown if self.shown is not None else rounded(self.cost)


def add(values: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def ratio(part: Decimal | None, whole: int | Decimal | None) -> Decimal | None:
    """part / whole; None if either is unknown or the whole is zero."""
    if part is None or not whole:
        return None
    return EXACT.divide(part, Decimal(whole))


def known_cost(spent: Decimal | None, is_missing: bool) -> Decimal | None:
    """A cost; None if all of it is missing spend, which is not zero."""
    return None if is_missing and not spent else spent


def rounded(value: Decimal | None, step: Decimal = CENT) -> Decimal | None:
    """Rounded half up (away from zero) to a step, by default to the cent."""
    return None if value is None else value.quantize(step, rounding=ROUND_HALF_UP, context=EXACT)


def plain(value: Decimal) -> str:
    """Every digit, without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def apportion(parts: Sequence[Decimal]) -> list[Decimal]:
    """The parts in cents, adding up to the rounded total (largest remainders round up)."""
    whole = rounded(add(parts)) or Decimal(0)
    cents = [part.quantize(CENT, rounding=ROUND_FLOOR, context=EXACT) for part in parts]
    missing = int(EXACT.divide(EXACT.subtract(whole, add(cents)), CENT))
    by_remainder = sorted(range(len(parts)), key=lambda at: EXACT.subtract(cents[at], parts[at]))
    for at in by_remainder[:missing]:
        cents[at] = EXACT.add(cents[at], CENT)
    return cents


def money(value: Decimal | None) -> str:
    """Dollars and cents: `$1,260.00`, minus `$75.00`, or a dash if the amount is unknown."""
    amount = rounded(value)
    if amount is None:
        return ABSENT
    sign = MINUS if amount < 0 else ""
    return f"{sign}${abs(amount):,.2f}"


def cost_each(cpa: Decimal | None) -> str:
    """A CPA as money; a zero cost is written in words, not as a price."""
    return NO_COST if cpa == 0 else money(cpa)


def count(value: int | None) -> str:
    """A whole number with thousands separators, or a dash if unknown."""
    return ABSENT if value is None else f"{value:,}".replace("-", MINUS)


def signed(value: Decimal | int) -> str:
    """A difference with its sign: `+2`, `+$15.00`."""
    text = count(value) if isinstance(value, int) else money(value)
    return text if value < 0 else f"+{text}"


def percent_change(now: Decimal | int | None, before: Decimal | int | None) -> Decimal | None:
    """The change of a number in percent, to one decimal; None if that has no meaning."""
    if now is None or before is None or before <= 0:
        return None
    share = EXACT.divide(EXACT.subtract(Decimal(now), Decimal(before)), Decimal(before))
    return rounded(EXACT.multiply(share, Decimal(100)), Decimal("0.1"))


def percent(rate: Decimal | None) -> str:
    """A rate in percent, or a dash if there is none."""
    if rate is None:
        return ABSENT
    return f"{rounded(EXACT.multiply(rate, Decimal(100)), Decimal('0.1'))}%"


def whole_percent(rate: Decimal) -> str:
    """A rate in whole percent, for small spaces."""
    return f"{rounded(EXACT.multiply(rate, Decimal(100)), Decimal(1))}%"
