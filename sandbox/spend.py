"""RedTrack's side of a day: the cost of each traffic source, and its later corrections."""

import random
from datetime import date
from decimal import Decimal

from sandbox.cast import Profile, Source
from sandbox.clock import day_bounds
from sandbox.events import Cost, Spend, Window
from sandbox.traffic import DAY, HOUR, Dice

VANISHED_EVERY = 11
FREE_EVERY = 10

# Metrics that RedTrack leaves out of some rows instead of sending null.
_OMITTED = ("lp_views", "lp_clicks", "impressions", "unique_clicks", "pub_revenue", "other")


def spend_of(dice: Dice, profile: Profile, day: date) -> tuple[Spend, ...]:
    rng = dice.random("spend", profile.client, day)
    _, end = day_bounds(day)
    rows = [
        _spend(rng, source, end) for source in profile.sources if rng.random() < source.active_share
    ]
    mapped = {row.source_id for row in profile.mapping if row.is_mapped}
    paid = [place for place, row in enumerate(rows) if place and row.source_id in mapped]
    if paid and dice.turn(profile.client, day, "free", FREE_EVERY):
        # a mapped source that really cost nothing: a true zero, not missing spend
        place = rng.choice(paid)
        rows[place] = rows[place]._replace(costs=(Cost(0, Decimal(0)),))
    if len(rows) > 1 and dice.turn(profile.client, day, "spend vanished", VANISHED_EVERY):
        place = rng.randrange(1, len(rows))
        since = end + rng.randrange(30 * HOUR, 8 * DAY)
        rows[place] = rows[place]._replace(hidden=Window(since))
    return tuple(rows)


def _spend(rng: random.Random, source: Source, end: int) -> Spend:
    total = money_of(rng, source.spend * (0.7 + 0.6 * rng.random()))
    clicks = 1 + int(float(total) * (0.9 + 0.5 * rng.random()))
    conversions = 0 if rng.random() < 0.15 else int(float(total) / 30)
    return Spend(
        source_id=source.source_id,
        source_name=source.name,
        source_alias=source.alias,
        clicks=clicks,
        unique_clicks=int(clicks * 0.93),
        impressions=clicks * 37 if source.alias == "facebook" else 0,
        lp_views=int(clicks * 0.97),
        lp_clicks=int(clicks * 0.41),
        conversions=conversions,
        total_conversions=conversions + rng.randrange(0, 5) + (1 if conversions == 0 else 0),
        revenue=Decimal(conversions) * Decimal("28.75"),
        costs=costs_of(rng, total, end),
        left_out=frozenset(name for name in _OMITTED if rng.random() < 0.06),
        hidden=None,
    )


def costs_of(rng: random.Random, total: Decimal, end: int) -> tuple[Cost, ...]:
    """The first figure, and every later one: platforms resync their costs for days."""
    costs = [Cost(0, total)]
    if rng.random() < 0.25:
        costs.append(Cost(end + rng.randrange(2 * HOUR, 40 * HOUR), _moved(rng, total)))
    if rng.random() < 0.08:
        costs.append(Cost(end + rng.randrange(4 * DAY, 21 * DAY), _moved(rng, total)))
    return tuple(costs)


def _moved(rng: random.Random, total: Decimal) -> Decimal:
    return money_of(rng, float(total) * (0.85 + 0.3 * rng.random()))


def money_of(rng: random.Random, amount: float) -> Decimal:
    """Usually cents; one row in eight has four decimals, the sum of click costs."""
    digits = 4 if rng.random() < 0.125 else 2
    return Decimal(f"{amount:.{digits}f}")
