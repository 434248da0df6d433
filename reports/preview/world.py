"""A made-up agency: who sells how much on which day, by formulas, so that it is always the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

FIRST = date(2026, 9, 7)  # a Monday, ten weeks before
SUNDAY = date(2026, 11, 15)
RESTATED = date(2026, 11, 8)  # the Sunday before
REVENUE_PER_SALE = Decimal("46.40")
INTERNAL, EXTERNAL, UNMAPPED = "internal", "external", "unmapped"


@dataclass(frozen=True)
class Affiliate:
    """Who sells: conversions of a usual day, what each costs, and how many more each week."""

    name: str
    sold: int
    price: str
    kind: str = EXTERNAL
    rise: int = 0
    state: str = "ok"


@dataclass(frozen=True)
class World:
    """What the marts hold. `until` is the last day with data.

    `late` names sources not asked since that day ended, `never` those never loaded for it;
    `factor` multiplies everything, `correction` is what vendors added to one past day later on.
    """

    affiliates: tuple[Affiliate, ...]
    unmapped: tuple[str, ...] = ("Facebook CTI", "Google Accounts")
    labels: tuple[str, ...] = ()  # of brands, where vendors call them otherwise
    projects: tuple[str, ...] = ()  # of orders, beyond the client's brands
    until: date = SUNDAY
    late: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    factor: int = 1
    correction: int = 0


@dataclass(frozen=True)
class Fact:
    """One affiliate's day for one brand (None: spend of no brand). Money in US dollars."""

    day: date
    brand: int | None
    label: str | None
    name: str
    kind: str
    state: str
    conversions: int
    cost: Decimal
    revenue: Decimal


USUAL = (
    Affiliate("G2 - Meta", 21, "29.40", INTERNAL),
    Affiliate("SB - Meta", 12, "27.95", INTERNAL, rise=1),
    Affiliate("G2 - Google", 5, "34.20", INTERNAL),
    Affiliate("G2 - TikTok", 4, "41.85", INTERNAL, rise=-1),
    Affiliate("Blue Bench", 13, "30.00"),
    Affiliate("Northlight Media", 9, "28.00", rise=1),
    Affiliate("Harbor Leads", 7, "31.50"),
    Affiliate("Clearwater Partners", 6, "26.00", rise=-1),
    Affiliate("Quiet Oak", 4, "33.00"),
    Affiliate("Paperplane", 3, "25.00"),
    Affiliate("Two Rivers Digital", 2, "29.00"),
    Affiliate("Sunny Side Traffic", 1, "35.00"),
    Affiliate("AC Email", 3, "0", state="zero_cost"),
    Affiliate("Venture Beyond", 0, "0", state="no_conversions"),
)


def facts(world: World, brands: dict[int, str]) -> Iterator[Fact]:
    """Every fact of every day, for the client's brands (name by Everflow's advertiser id)."""
    days = (world.until - FIRST).days + 1
    for day in (FIRST + timedelta(days=back) for back in range(days)):
        for place, (number, called) in enumerate(brands.items()):
            label = world.labels[place % len(world.labels)] if world.labels else called
            for at, affiliate in enumerate(world.affiliates):
                yield _fact(world, day, (number, label), affiliate, at + 3 * place)
        for at, source in enumerate(world.unmapped):
            spent = Decimal(18 + 7 * at + day.day % 5) + Decimal("0.25")
            brand, name = (None, None) if at % 2 == 0 else next(iter(brands.items()))
            yield Fact(
                day=day,
                brand=brand,
                label=name,
                name=f"Unmapped: {source}",
                kind=UNMAPPED,
                state="unmapped_spend",
                conversions=0,
                cost=spent * world.factor,
                revenue=Decimal(0),
            )


def _fact(world: World, day: date, brand: tuple[int, str], affiliate: Affiliate, seed: int) -> Fact:
    swing = (day.toordinal() * 7 + seed * 5) % 9 - 4
    weeks = (day - FIRST).days // 7 - 5
    sold = affiliate.sold + affiliate.rise * weeks + swing * affiliate.sold // 7
    sold = max(0, sold if seed < len(world.affiliates) else sold * 2 // 3)
    sold = sold * world.factor if affiliate.sold >= 0 else affiliate.sold
    if day == RESTATED and affiliate is world.affiliates[0]:
        sold += world.correction
    cost = Decimal(affiliate.price) * sold
    return Fact(
        day=day,
        brand=brand[0],
        label=brand[1],
        name=affiliate.name,
        kind=affiliate.kind,
        state="no_conversions" if sold == 0 else affiliate.state,
        conversions=sold,
        cost=cost,
        revenue=REVENUE_PER_SALE * sold,
    )
