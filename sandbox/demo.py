"""The world of demos: only one mapping gap in it deserves an alert.

Late conversions, changed payouts and restated costs happen as in any other. Unlike in the default
world every mapped source has a cost on every day, both trackers count nearly the same sales, and no
day is missing for hours.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal

from sandbox.cast import Profile
from sandbox.events import DayLog, Spend
from sandbox.mapping import fold
from sandbox.spend import spend_of
from sandbox.traffic import Dice
from sandbox.world import World, calm_day

PAYOUT = Decimal("28.75")


def demo_world(seed: int) -> World:
    """A world whose mapped sources spend on every day."""
    world = World(seed, demo_day)
    world.quirks.sheets_clean = True
    for client, profile in world.profiles.items():
        mapped = {row.source_id for row in profile.mapping if row.is_mapped}
        sources = tuple(
            replace(row, active_share=1.0) if row.source_id in mapped else row
            for row in profile.sources
        )
        world.profiles[client] = replace(profile, sources=sources)
    return world


def demo_day(world: World, profile: Profile, day: date) -> DayLog:
    """One business day of that world."""
    log = calm_day(world, profile, day)
    kept = {row.source_id for row in log.spend}
    spend = [row for row in spend_of(_NeverFree(world), profile, day) if row.source_id in kept]
    # a day that is missing for hours is as good for an alert as a lost one
    spend = [row._replace(hidden=None) for row in spend]
    return log._replace(spend=_tracked_alike(world, profile, log, spend), emptied=None)


class _NeverFree:
    """The world's random choices, without the day on which a mapped source costs nothing."""

    def __init__(self, dice: Dice) -> None:
        self.random = dice.random
        self._turn = dice.turn

    def turn(self, client: str, day: date, name: str, every: int) -> bool:
        return name != "free" and self._turn(client, day, name, every)


def _tracked_alike(
    world: World, profile: Profile, log: DayLog, spend: list[Spend]
) -> tuple[Spend, ...]:
    """Conversions in RedTrack as Everflow counts them, shared among an affiliate's sources."""
    rng = world.random("tracked", profile.client, log.day)
    labels = {(row.affiliate_id, row.advertiser_id): fold(row.label) for row in profile.affiliates}
    sales = Counter((labels[row.affiliate_id, row.advertiser_id], row.advertiser_id)
                    for row in log.conversions)  # fmt: skip
    sources: defaultdict[tuple[str, int | None], list[str]] = defaultdict(list)
    for line in profile.mapping:
        if line.label is not None and any(row.source_id == line.source_id for row in spend):
            sources[fold(line.label), line.advertiser_id].append(line.source_id)
    counts: dict[str, int] = {}
    for (label, advertiser), names in sources.items():
        left = round(sales[label, advertiser or 0] * rng.gauss(0.97, 0.04))
        for place, name in enumerate(names):
            counts[name] = max(0, round(left / (len(names) - place)))
            left -= counts[name]
    return tuple(
        row._replace(
            conversions=counts[row.source_id],
            total_conversions=counts[row.source_id] + rng.randrange(0, 5),
            revenue=counts[row.source_id] * PAYOUT,
        )
        if row.source_id in counts
        else row
        for row in spend
    )
