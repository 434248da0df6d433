"""A world with realistic noise, for backtests of the anomaly rules.

Counts vary at least three times as much as by pure chance (variance over mean). Weekdays, hours,
paydays and holidays have typical patterns, and each week one campaign is launched and one is
stopped. Nothing here is an anomaly: any finding of a rule is a false alarm.
"""

import math
import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from sandbox.campaigns import Campaign
from sandbox.cast import Affiliate, Profile, Source
from sandbox.clock import day_bounds
from sandbox.events import Cell, Conversion, DayLog, Spend
from sandbox.mapping import fold
from sandbox.spend import costs_of, money_of
from sandbox.traffic import Dice, cell_of, conversion_of

WEEKDAYS = (1.06, 1.0, 0.98, 1.02, 1.1, 0.86, 0.8)  # Monday first
# Conversions by hour of the business day; weekends begin later.
HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 7, 8, 8, 9, 9, 8, 7, 7, 7, 8, 10, 11, 11, 9, 5, 2)
WEEKEND_SHIFT = 2
OVERDISPERSION = 2.6  # variance over mean is one more than this
COST_NOISE = 0.22  # standard deviation of a day's spend, relative to it
LAUNCH_WEEKS = 6  # how long a launched campaign runs
FIRST_MONDAY, LAST_MONDAY = date(2025, 1, 6), date(2028, 12, 25)


def noisy_day(dice: Dice, profile: Profile, day: date) -> DayLog:
    """One business day of the noisy world."""
    rng = dice.random("noise", profile.client, day)
    mood = season(day)
    levels = {source.source_id: level(profile, source, day) for source in profile.sources}
    cells: list[Cell] = []
    conversions: list[Conversion] = []
    counts: dict[tuple[str, int], int] = {}
    for affiliate in profile.affiliates:
        advertiser = profile.advertiser(affiliate.advertiser_id)
        name = (fold(affiliate.label), affiliate.advertiser_id)
        size = _level_of(dice, profile, affiliate, day, levels)
        count = overdispersed(rng, affiliate.volume * mood * size)
        counts[name] = counts.get(name, 0) + count
        cells.append(cell_of(rng, affiliate, len(advertiser.offers), day, count))
        bounds = day_bounds(day)
        for _ in range(count):
            conversions.append(
                conversion_of(rng, affiliate, advertiser, *bounds, moment=_moment(rng, day))
            )
    spend = _spend(rng, profile, day, mood, levels, counts)
    return DayLog(profile.client, day, tuple(cells), tuple(conversions), spend, None)


def overdispersed(rng: random.Random, mean: float) -> int:
    """A count whose variance is 3.6 times its mean: Poisson around a gamma."""
    if mean <= 0:
        return 0
    rate = rng.gammavariate(mean / OVERDISPERSION, OVERDISPERSION)
    return _poisson(rng, rate)


def _poisson(rng: random.Random, rate: float) -> int:
    """Counts with a mean of at most a few hundred."""
    limit, product, count = math.exp(-rate), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def season(day: date) -> float:
    """The calendar's effect on a day: weekday, payday, holiday."""
    return WEEKDAYS[day.weekday()] * _payday(day) * holidays(day.year).get(day, 1.0)


def _payday(day: date) -> float:
    """The 1st and the 15th, on a weekend the Friday before; and the day after."""
    if _is_payday(day):
        return 1.22
    return 1.12 if _is_payday(day - timedelta(days=1)) else 1.0


def _is_payday(day: date) -> bool:
    if day.day in (1, 15):
        return day.weekday() < 5
    return day.weekday() == 4 and any(
        (day + timedelta(days=ahead)).day in (1, 15) for ahead in (1, 2)
    )


def holidays(year: int) -> dict[date, float]:
    """Holidays of the United States, and the shopping days after Thanksgiving."""
    thanksgiving = _weekday_of(year, 11, 3, 4)
    return {
        date(year, 1, 1): 0.6,
        _weekday_of(year, 1, 0, 3): 0.9,
        _weekday_of(year, 2, 0, 3): 0.95,
        _weekday_of(year, 6, 0, 1) - timedelta(days=7): 0.8,
        date(year, 7, 4): 0.65,
        _weekday_of(year, 9, 0, 1): 0.8,
        thanksgiving: 0.6,
        thanksgiving + timedelta(days=1): 1.5,
        thanksgiving + timedelta(days=4): 1.4,
        date(year, 12, 24): 0.7,
        date(year, 12, 25): 0.5,
        date(year, 12, 31): 0.8,
    }


def _weekday_of(year: int, month: int, weekday: int, number: int) -> date:
    """The first, second, … Monday (0) to Sunday (6) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _moment(rng: random.Random, day: date) -> float:
    """When in the day a conversion happens, as a fraction of it."""
    shift = WEEKEND_SHIFT if day.weekday() >= 5 else 0
    hour = (rng.choices(range(24), HOURS)[0] + shift) % 24
    return (hour + rng.random()) / 24


def launches_of(dice: Dice, profile: Profile) -> tuple[Campaign, ...]:
    """One campaign launched in each week, on one of the mapped sources, for six weeks."""
    mapped = {row.source_id for row in profile.mapping if row.is_mapped}
    sources = [row for row in profile.sources if row.source_id in mapped]
    first = {row.source_id: row.offers[:1] for row in reversed(profile.campaigns)}
    found = []
    monday, number = FIRST_MONDAY, 0
    while monday <= LAST_MONDAY:
        rng = dice.random("launch", profile.client, monday)
        source = rng.choice(sources)
        start = monday + timedelta(days=rng.randrange(1, 6))
        found.append(
            Campaign(
                f"{source.source_id[:-4]}{0x1000 + number:04x}",
                f"{source.name.strip()} Launch {monday:%G-W%V}", source.source_id, source.name,
                1000 + number, 1, first[source.source_id],
                Decimal(f"{rng.uniform(0.12, 0.4):.2f}"), start,
                start + timedelta(days=7 * LAUNCH_WEEKS - 1),
            )
        )  # fmt: skip
        monday, number = monday + timedelta(days=7), number + 1
    return tuple(found)


def level(profile: Profile, source: Source, day: date) -> float:
    """The size of the source on that day: its permanent campaigns and those currently running."""
    running = [
        float(row.weight)
        for row in profile.campaigns_by_source.get(source.source_id, ())
        if row.first_day is not None and row.runs_on(day)
    ]
    return 0.85 + sum(running)


def _level_of(
    dice: Dice, profile: Profile, affiliate: Affiliate, day: date, levels: Mapping[str, float]
) -> float:
    """An internal affiliate is as large as its sources; an external one drifts weekly."""
    sources = _sources_of(profile, fold(affiliate.label), affiliate.advertiser_id)
    if sources:
        return sum(levels[source] for source in sources) / len(sources)
    week = day - timedelta(days=day.weekday())
    rng = dice.random("drift", profile.client, affiliate.affiliate_id, week)
    return math.exp(rng.gauss(0, 0.08))


def _sources_of(profile: Profile, label: str, advertiser_id: int) -> list[str]:
    return [
        row.source_id
        for row in profile.mapping
        if row.label is not None and (fold(row.label), row.advertiser_id) == (label, advertiser_id)
    ]


def _spend(
    rng: random.Random, profile: Profile, day: date, mood: float, levels: Mapping[str, float],
    counts: Mapping[tuple[str, int], int],
) -> tuple[Spend, ...]:  # fmt: skip
    owners = {row.source_id: row for row in profile.mapping if row.is_mapped}
    found = []
    for source in profile.sources:
        if source.source_id in profile.gaps[1:]:
            continue
        noise = max(0.3, rng.gauss(1.0, COST_NOISE))
        total = money_of(rng, source.spend * levels[source.source_id] * mood * noise)
        clicks = 1 + int(float(total) * (0.9 + 0.5 * rng.random()))
        owner = owners.get(source.source_id)
        conversions = 0
        if owner is not None and owner.label is not None and owner.advertiser_id is not None:
            name = (fold(owner.label), owner.advertiser_id)
            shared = counts.get(name, 0) / max(1, len(_sources_of(profile, *name)))
            # both trackers count the same sales, plus a few different ones each
            conversions = max(0, round(shared * rng.gauss(0.97, 0.05)))
        found.append(
            Spend(
                source.source_id, source.name, source.alias, clicks, int(clicks * 0.93),
                clicks * 37 if source.alias == "facebook" else 0, int(clicks * 0.97),
                int(clicks * 0.41), conversions, conversions + rng.randrange(0, 5),
                Decimal(conversions) * Decimal("28.75"), costs_of(rng, total, day_bounds(day)[1]),
                frozenset(), None,
            )
        )  # fmt: skip
    return tuple(found)
