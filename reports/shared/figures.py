"""Figures: exact sums, ratios of sums, number formats, and a month compared with its goals.

Ratios are computed only here, from exact sums; rounding (half up) happens only when a number is
shown. Goals are the same sums as `marts.goal_pace` has for the last day, here for a report's day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from reports.model import Figure, Row, Rows, Subject, figure, own_rows

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


QUERIES = ("goals", "month")
ORDER = ("cpa", "spend", "conversions")
SHORT = "some spend missing"


@dataclass(frozen=True)
class Goal:
    """A brand's goal of a month for one measure: cpa, spend or conversions.

    `actual` is the month's up to the report's day (None: no CPA), `recent` the CPA of the report's
    own day or week; `is_short` if some of the month's spend is missing. Money in US dollars.
    """

    client_id: str
    brand: str
    advertiser_id: int | None
    month: str
    measure: str
    goal: Decimal
    actual: Decimal | None
    elapsed: int
    days: int
    recent: Decimal | None = None
    is_short: bool = False

    @property
    def words(self) -> str:
        """One line: the status, in words that need no color."""
        if self.measure == "cpa":
            so_far = "no CPA this month yet" if not self.is_short else f"this month {SHORT}"
            if self.actual is not None:
                judged = SHORT if self.is_short else self._against(self.actual)
                so_far = f"{money(self.actual)} this month, {judged}"
            if self.recent is None:
                return f"CPA target {money(self.goal)}: {so_far}"
            return f"CPA {self._against(self.recent)} of {money(self.goal)}; {so_far}"
        if self.measure == "spend" and self.actual is None:
            return f"Spend of {self._written(self.goal)}: {SHORT}"
        share = ratio(self.actual, self.goal)
        if share is None:
            return f"{self._written(self.actual)} {self.measure}, goal 0"
        noun = "budget" if self.measure == "spend" else "goal"
        name = "Spend" if self.measure == "spend" else "Conversions"
        pace = whole_percent(EXACT.divide(Decimal(self.elapsed), Decimal(self.days)))
        return (
            f"{name} {self._written(self.actual)} of {self._written(self.goal)}: "
            f"{whole_percent(share)} of {noun} on {pace} of the month"
            f"{f', {SHORT}' if self.is_short and self.measure == 'spend' else ''}"
        )

    @property
    def target_words(self) -> str:
        """The CPA target, and how far the report's period is from it."""
        if self.recent is None:
            return f"target {money(self.goal)}"
        return f"{self._against(self.recent)} of {money(self.goal)}"

    @property
    def is_good(self) -> bool | None:
        """Whether it is on target; None if that has no meaning.

        Spend within the month's budget is neither good nor bad: a pace is not a limit.
        """
        if self.measure == "cpa":
            so_far = None if self.is_short else self.actual
            shown = self.recent if self.recent is not None else so_far
            return None if shown is None else shown <= self.goal
        actual = self.actual or Decimal(0)
        if self.measure == "spend":
            return False if actual > self.goal else None
        return EXACT.multiply(actual, self.days) >= EXACT.multiply(self.goal, self.elapsed)

    @property
    def figures(self) -> list[Figure]:
        """Goal and actual amount."""
        of = {"advertiser_id": self.advertiser_id, "brand": self.brand, "month": self.month}
        return [
            *figure(f"{self.measure}_goal", self.goal, **of),
            *figure(f"{self.measure}_to_date", self.actual, **of),
        ]

    def _against(self, cpa: Decimal) -> str:
        share = percent_change(cpa, self.goal)
        if not share:
            return "on target"
        return f"{abs(share)}% {'over' if share > 0 else 'under'} target"

    def _written(self, amount: Decimal | None) -> str:
        if self.measure == "spend":
            return money(amount)
        return count(None if amount is None else int(amount))


def goals(
    subject: Subject, rows: Rows, recent: dict[int, Decimal | None] | None = None
) -> tuple[Goal, ...]:
    """The goals of the report's brand, or of all brands if it has none, in a fixed order.

    `recent` has the CPA of the report's day or week by advertiser. Empty without goals.
    """
    sums = own_rows(rows.get("month", ()), subject.client_id)
    wanted = own_rows(rows.get("goals", ()), subject.client_id)
    found = []
    for advertiser_id, brand in sorted(subject.brands.items()):
        if subject.brand and brand != subject.brand:
            continue
        of_brand = [row for row in sums if row["advertiser_id"] == advertiser_id]
        own = {row["measure"]: row for row in wanted if row["brand"] == brand}
        for measure in (one for one in ORDER if one in own):
            found.append(
                Goal(
                    client_id=subject.client_id,
                    brand=brand,
                    advertiser_id=advertiser_id,
                    month=month_of(subject.day),
                    measure=measure,
                    goal=Decimal(own[measure]["goal"]),
                    actual=_actual(measure, of_brand),
                    elapsed=subject.day.day,
                    days=int(own[measure]["days_in_month"]),
                    recent=(recent or {}).get(advertiser_id) if measure == "cpa" else None,
                    is_short=any(row["is_spend_missing"] for row in of_brand),
                )
            )
    return tuple(found)


def month_of(day: date) -> str:
    """The month of a day in the goals' format: `2026-11`."""
    return f"{day:%Y-%m}"


def _actual(measure: str, rows: Sequence[Row]) -> Decimal | None:
    sold = sum(int(row["conversions"] or 0) for row in rows)
    if measure == "conversions":
        return Decimal(sold)
    of_it = [row for row in rows if measure == "spend" or not row["is_unmapped"]]
    spent = add(Decimal(row["cost"] or 0) for row in of_it)
    if not spent and any(row["is_spend_missing"] for row in rows):
        return None
    return spent if measure == "spend" else ratio(spent, sold)
