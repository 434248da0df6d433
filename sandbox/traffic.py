"""Everflow's side of a day: clicks, conversions, and their later corrections."""

import random
from datetime import date
from decimal import Decimal
from typing import Protocol

from sandbox.cast import Advertiser, Affiliate, Profile
from sandbox.clock import day_bounds
from sandbox.events import Cell, Change, Conversion, Window

HOUR = 3600
DAY = 24 * HOUR
ZERO = Decimal(0)

# Everflow temporarily empties one day in this many, and permanently loses a row of one in this
# many.
EMPTIED_EVERY = 13
VANISHED_EVERY = 9


class Dice(Protocol):
    def random(self, *scope: object) -> random.Random: ...
    def turn(self, client: str, day: date, name: str, every: int) -> bool: ...


def traffic_of(
    dice: Dice, profile: Profile, day: date
) -> tuple[tuple[Cell, ...], tuple[Conversion, ...], Window | None]:
    """Cells and conversions of the day, and when Everflow shows none of it."""
    rng = dice.random("traffic", profile.client, day)
    start, end = day_bounds(day)
    mood = 0.85 + 0.3 * rng.random() - (0.12 if day.weekday() >= 5 else 0.0)
    cells: list[Cell] = []
    conversions: list[Conversion] = []
    for affiliate in profile.affiliates:
        if rng.random() >= affiliate.active_share:
            continue
        advertiser = profile.advertiser(affiliate.advertiser_id)
        count = _around(rng, affiliate.volume * mood)
        cells.append(cell_of(rng, affiliate, len(advertiser.offers), day, count))
        for _ in range(count):
            conversions.append(conversion_of(rng, affiliate, advertiser, start, end))
    if dice.turn(profile.client, day, "vanished", VANISHED_EVERY):
        _hide_one(rng, cells, end)
    emptied = None
    if dice.turn(profile.client, day, "emptied", EMPTIED_EVERY):
        # never before the second morning: yesterday's report must not be affected
        since = end + DAY + rng.randrange(6, 14) * HOUR
        emptied = Window(since, since + rng.randrange(8, 40) * HOUR)
    return tuple(cells), tuple(conversions), emptied


def _around(rng: random.Random, mean: float) -> int:
    return max(0, round(rng.gauss(mean, mean**0.5))) if mean > 0 else 0


def cell_of(
    rng: random.Random, affiliate: Affiliate, offers: int, day: date, conversions: int
) -> Cell:
    clicks = 3 + round((conversions + 1) * affiliate.clicks_each * (0.8 + 0.4 * rng.random()))
    duplicate = int(clicks * 0.15 * rng.random())
    label = affiliate.label
    if affiliate.other_spelling is not None and (day.toordinal() - 3) // 7 % 2:
        label = affiliate.other_spelling
    return Cell(
        affiliate_id=affiliate.affiliate_id,
        label=label,
        advertiser_id=affiliate.advertiser_id,
        impressions=0 if affiliate.affiliate_id % 3 else clicks * 21,
        unique_clicks=clicks - duplicate,
        duplicate_clicks=duplicate,
        invalid_clicks=int(clicks * 0.04 * rng.random()),
        offers=offers,
        hidden=None,
    )


def conversion_of(
    rng: random.Random,
    affiliate: Affiliate,
    advertiser: Advertiser,
    start: int,
    end: int,
    moment: float | None = None,
) -> Conversion:
    """A conversion of the day, with its later changes; `moment` is its fraction of the day."""
    if moment is None:
        # the median of three draws follows events.share_of_day exactly
        moment = sorted((rng.random(), rng.random(), rng.random()))[1]
    at = start + int(moment * (end - start))
    through_view = rng.random() < 0.03
    payout = ZERO if through_view else affiliate.payout
    revenue = ZERO if through_view else advertiser.revenue
    pending = rng.random() < 0.02
    return Conversion(
        conversion_id=f"{rng.getrandbits(128):032x}",
        affiliate_id=affiliate.affiliate_id,
        advertiser_id=advertiser.advertiser_id,
        offer_id=advertiser.offers[rng.randrange(len(advertiser.offers))][0],
        at=at,
        clicked_at=at - rng.randrange(20, 2 * HOUR),
        booked_at=at + _delay(rng),
        status="pending" if pending else "approved",
        payout=payout,
        revenue=revenue,
        sale_amount=advertiser.sale,
        is_view_through=through_view,
        event_revenue=Decimal("19.5") if rng.random() < 0.07 else None,
        changes=_changes(rng, at, payout, revenue, pending),
    )


def _delay(rng: random.Random) -> int:
    """Seconds until Everflow shows a conversion: minutes mostly, sometimes hours or days."""
    luck = rng.random()
    if luck < 0.015:
        return rng.randrange(2 * DAY, 9 * DAY)
    if luck < 0.065:
        return rng.randrange(2 * HOUR, 30 * HOUR)
    return rng.randrange(5, 1200)


def _changes(
    rng: random.Random, at: int, payout: Decimal, revenue: Decimal, pending: bool
) -> tuple[Change, ...]:
    changes = []
    if pending:
        changes.append(Change(at + rng.randrange(3 * HOUR, 50 * HOUR), status="approved"))
    luck = rng.random()
    if luck < 0.006:
        changes.append(Change(at + rng.randrange(20 * DAY, 60 * DAY), status="rejected"))
    elif luck < 0.02:
        changes.append(Change(at + rng.randrange(4 * DAY, 20 * DAY), status="rejected"))
    elif luck < 0.055:
        changes.append(Change(at + rng.randrange(5 * HOUR, 3 * DAY), status="rejected"))
    elif luck < 0.075 and payout:
        better = payout + Decimal(rng.randrange(-400, 900)) / 100
        changes.append(Change(at + rng.randrange(DAY, 12 * DAY), payout=better))
    elif luck < 0.085 and revenue:
        changes.append(
            Change(at + rng.randrange(DAY, 15 * DAY), revenue=revenue * Decimal("0.8750"))
        )
    return tuple(sorted(changes))


def _hide_one(rng: random.Random, cells: list[Cell], end: int) -> None:
    """A row of one of the smaller affiliates is permanently removed from the past day."""
    external = [place for place, cell in enumerate(cells) if cell.affiliate_id >= 24]
    place = rng.choice(external)
    since = end + rng.randrange(12 * HOUR, 8 * DAY)
    cells[place] = cells[place]._replace(hidden=Window(since))
