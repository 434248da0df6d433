"""Brands of a rollup: the rows of the mart as weeks of each brand and of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from reports.messages.text import clean
from reports.shared.change import Movement
from reports.shared.figures import EXACT, add, apportion, ratio
from reports.subject import Row, Subject
from reports.weekly_rollup.context import BrandWeek

NAME_LIMIT = 60
NO_BRAND = "No brand"
MOST_BRANDS = 3  # shown one by one; the others stand together, so that the parts add up
MONEY = (
    *("cost", "everflow_revenue", "profit", "unmapped_cost"),
    *("previous_cost", "previous_revenue", "previous_profit", "previous_unmapped_cost"),
)
Shown = Mapping[str, Decimal]


def brand_name(subject: Subject, row: Row) -> str:
    """A brand as the client calls it, else as Everflow does."""
    if row["advertiser_id"] is None:
        return NO_BRAND
    known = subject.brands.get(row["advertiser_id"])
    return known or clean(row["advertiser_label"] or "", NAME_LIMIT) or f"{row['advertiser_id']}"


def by_number(rows: Sequence[Row]) -> list[Row]:
    """Brands by their number, spend of no brand last."""
    return sorted(rows, key=lambda row: (row["advertiser_id"] is None, row["advertiser_id"] or 0))


def mapped_cost(rows: Sequence[Row]) -> Decimal:
    """Cost without what maps to nobody."""
    return add(EXACT.subtract(row["cost"], row["unmapped_cost"]) for row in rows)


def brand_weeks(subject: Subject, rows: Sequence[Row]) -> tuple[BrandWeek, ...]:
    """Each brand, then what belongs to none; amounts in cents that add up to the total's."""
    ordered = by_number(rows)
    brands = [row for row in ordered if row["advertiser_id"] is not None]
    parts = [(brand_name(subject, row), True, [row]) for row in brands[:MOST_BRANDS]]
    if rest := brands[MOST_BRANDS:]:
        noun = "brand" if len(rest) == 1 else "brands"
        parts.append((f"{len(rest)} other {noun}", True, rest))
    parts += [(NO_BRAND, False, [row]) for row in ordered if row["advertiser_id"] is None]
    cents = {
        name: apportion([_summed(part, name) or Decimal(0) for _, _, part in parts])
        for name in MONEY
    }
    return tuple(
        _week(subject, name, is_brand, part, {one: cents[one][at] for one in MONEY})
        for at, (name, is_brand, part) in enumerate(parts)
    )


def total_week(subject: Subject, rows: Sequence[Row]) -> BrandWeek:
    """All brands and what belongs to none."""
    return _week(subject, "Total", True, rows)


def _week(
    subject: Subject, name: str, is_brand: bool, rows: Sequence[Row], shown: Shown | None = None
) -> BrandWeek:
    """Sums of rows; what is before is known where it is of each."""

    def moved(now: str, before: str, less_is_good: bool | None) -> Movement:
        value, earlier = _summed(rows, now), _summed(rows, before)
        if shown is None:
            return Movement(value, earlier, less_is_good)
        cents_before = None if earlier is None else shown[before]
        return Movement(value, earlier, less_is_good, shown[now], cents_before)

    sold, sold_before = _counted(rows, "conversions"), _counted(rows, "previous_conversions")
    spent, unmapped = _summed(rows, "previous_cost"), _summed(rows, "previous_unmapped_cost")
    mapped_before = None if spent is None or unmapped is None else EXACT.subtract(spent, unmapped)
    return BrandWeek(
        client_id=subject.client_id,
        name=name,
        is_brand=is_brand,
        conversions=Movement(sold, sold_before),
        cost=moved("cost", "previous_cost", None),
        unmapped=moved("unmapped_cost", "previous_unmapped_cost", None),
        cpa=Movement(ratio(mapped_cost(rows), sold), ratio(mapped_before, sold_before), True),
        revenue=moved("everflow_revenue", "previous_revenue", False),
        profit=moved("profit", "previous_profit", False),
    )


def _summed(rows: Sequence[Row], name: str) -> Decimal | None:
    values = [row[name] for row in rows]
    return None if None in values else add(values)


def _counted(rows: Sequence[Row], name: str) -> int | None:
    values = [row[name] for row in rows]
    return None if None in values else sum(int(value) for value in values)
