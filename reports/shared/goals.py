"""Goals: a month's figures compared with the client's goals, up to a report's day.

The same sums as `marts.goal_pace` has for the last day, here for a report's day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.model import Figure, Row, Rows, Subject, figure, own_rows
from reports.shared.figures import (
    EXACT,
    add,
    count,
    money,
    percent_change,
    ratio,
    whole_percent,
)

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
