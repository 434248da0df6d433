"""Places: the lines of a leaderboard from the rows of the mart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from reports.affiliate_leaderboard.context import Place
from reports.messages.text import clean
from reports.rollup_brands import NAME_LIMIT
from reports.shared.change import Movement
from reports.shared.figures import EXACT, add, count, ratio
from reports.subject import Row, Subject

MOVERS = 3


def key(row: Row) -> tuple[int, str]:
    return row["advertiser_id"] or 0, str(row["affiliate_label"]).casefold()


def sold_by(row: Row) -> int:
    return int(row["conversions"])


def name(row: Row) -> str:
    return clean(row["affiliate_label"], NAME_LIMIT) or "(no name)"


def gone_words(row: Row) -> str:
    return f"{name(row)} ({count(sold_by(row))} the week before)"


def place(
    subject: Subject,
    row: Row,
    before: Mapping[tuple[int, str], Row] | None,
    cost: Decimal | None = None,
    profit: Decimal | None = None,
) -> Place:
    """An affiliate; what was not there the week before had nothing, and no rank."""
    was = None if before is None else before.get(key(row))
    compared = before is not None
    climbed = None if was is None else int(was["profit_rank"]) - int(row["profit_rank"])
    is_unknown = row["cpa_state"] == "missing_spend"
    return Place(
        client_id=subject.client_id,
        name=name(row),
        is_internal=bool(row["is_internal"]),
        is_low_volume=bool(row["is_low_volume"]),
        is_new=compared and was is None,
        missing_spend_days=int(row["missing_spend_days"]),
        profit_rank=int(row["profit_rank"]),
        conversions_rank=int(row["conversions_rank"]),
        cpa_rank=None if row["cpa_rank"] is None else int(row["cpa_rank"]),
        climbed=climbed,
        share=row["conversions_share"],
        conversions=Movement(sold_by(row), int(row["previous_conversions"]) if compared else None),
        cost=Movement(None if is_unknown else row["cost"], shown=None if is_unknown else cost),
        cpa=Movement(row["cpa"], row["previous_cpa"] if compared else None, less_is_good=True),
        profit=Movement(row["profit"], row["previous_profit"] if compared else None, False, profit),
    )


def others(
    subject: Subject, rows: Sequence[Row], cost: Decimal, profit: Decimal, sold: int
) -> Place:
    """All that are not shown by name, as one line, so that the parts add up."""
    conversions = sum(sold_by(row) for row in rows)
    spent = add(row["cost"] for row in rows)
    return Place(
        client_id=subject.client_id,
        name="1 other" if len(rows) == 1 else f"{len(rows)} others",
        is_internal=False,
        is_low_volume=False,
        is_new=False,
        missing_spend_days=0,
        profit_rank=None,
        conversions_rank=None,
        cpa_rank=None,
        climbed=None,
        share=ratio(Decimal(conversions), sold),
        conversions=Movement(conversions),
        cost=Movement(spent, shown=cost),
        cpa=Movement(ratio(spent, conversions)),
        profit=Movement(add(row["profit"] for row in rows), shown=profit),
    )


def movers(places: Sequence[Place], up: bool) -> tuple[Place, ...]:
    """Whose profit moved most; where spend is missing a profit says nothing."""
    moved = [
        (EXACT.copy_abs(Decimal(place.profit.change)), place)
        for place in places
        if place.profit.change and (place.profit.change > 0) == up and not place.missing_spend_days
    ]
    moved.sort(key=lambda one: -one[0])
    return tuple(place for _, place in moved[:MOVERS])
