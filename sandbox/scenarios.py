"""Worlds to choose from: the default agency, the worked example, bad mornings."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial

from sandbox.cast import Profile
from sandbox.clock import BUSINESS_ZONE, Calendar, day_bounds
from sandbox.demo import demo_world
from sandbox.errors import SandboxError
from sandbox.events import Cell, Conversion, Cost, DayLog, Spend
from sandbox.faults import EVER, Faults
from sandbox.noise import launches_of, noisy_day
from sandbox.plans import every_cause
from sandbox.world import World, busy_day, calm_day, empty_day, quiet_day

WORKED_DAY = date(2026, 11, 18)
STRAY_SOURCE_ID = "64f1a20b9c3d5e0001a4c0f1"

# id, label, advertiser, clicks, conversions, payout of each; a conversion brings 95.00
_EVERFLOW = (
    (11, "G2 - Meta ", 1, 900, 20, "0"),
    (12, "SB - Meta", 1, 300, 10, "0"),
    (13, "G2 - Google", 1, 50, 2, "0"),
    (21, "Blue Bench", 1, 400, 12, "30"),
    (22, "Venture Beyond", 1, 80, 0, "0"),
    (23, "AC Email", 1, 40, 3, "0"),
    (11, "G2 - Meta", 2, 5, 0, "0"),
)
# place of the source in the client's file, cost, clicks; F (place 5) spends nothing
_REDTRACK = (
    (0, "600.00", 700), (1, "250.50", 200), (2, "49.50", 60), (3, "75.00", 30),
    (4, "310.25", 90), (6, "12.00", 4),
)  # fmt: skip


def world_of(scenario: str, seed: int) -> World:
    """Raises SandboxError for a scenario that does not exist."""
    if scenario not in SCENARIOS:
        raise SandboxError(f"no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
    return SCENARIOS[scenario](seed)


def prepare(scenario: str, world: World, calendar: Calendar, faults: Faults) -> None:
    """The scenario's plan for the day on which the agency starts."""
    if scenario == "causes":
        at = calendar.epoch() + 2 * 3600
        for profile in world.profiles.values():
            day_of = partial(world.day, profile.client)
            world.plan(*every_cause(profile, day_of, calendar.today(), at))
    elif scenario == "bad_morning":
        _bad_morning(calendar.today(), faults)


def _bad_morning(today: date, faults: Faults) -> None:
    """RedTrack refuses both clients' keys for hours; Everflow rate-limits once."""

    def at(hour: int, minute: int) -> datetime:
        return datetime.combine(today, time(hour, minute), BUSINESS_ZONE)

    since, until = at(5, 20), at(9, 10)
    faults.plan("redtrack", "status", EVER, status=401, since=since, until=until)
    since, until = at(7, 0), at(10, 0)
    faults.plan(
        "everflow", "status_429", match="/reporting/", retry_after=600, since=since, until=until
    )


def _noisy(seed: int) -> World:
    world = World(seed, noisy_day)
    for client, profile in world.profiles.items():
        launched = replace(profile, launches=launches_of(world, profile))
        world.profiles[client] = launched
    return world


def _bad_morning_day(world: World, profile: Profile, day: date) -> DayLog:
    """Every day seven unmapped sources cost a few dollars, $8 to $28 each."""
    log = quiet_day(world, profile, day)
    names = {row.source_id: row for row in profile.sources}
    kept = [row for row in log.spend if row.source_id not in profile.gaps]
    for source in filter(None, profile.gaps):
        rng = world.random("gaps", profile.client, day, source)
        cost = f"{rng.uniform(8, 28):.2f}"
        kept.append(_spend(source, names[source].name, names[source].alias, cost, 12))
    return log._replace(spend=tuple(kept))


def _worked_day(world: World, profile: Profile, day: date) -> DayLog:
    if profile.client != "713" or day != WORKED_DAY:
        return empty_day(world, profile, day)
    start, _ = day_bounds(day)
    cells, conversions = [], []
    for affiliate, label, advertiser, clicks, count, payout in _EVERFLOW:
        cells.append(Cell(affiliate, label, advertiser, 0, clicks, 0, 0, 1, None))
        for place in range(count):
            at = start + int(timedelta(hours=8, minutes=11 * place).total_seconds())
            conversions.append(
                Conversion(
                    conversion_id=f"{advertiser:04x}{affiliate:012x}{place:016x}",
                    affiliate_id=affiliate,
                    advertiser_id=advertiser,
                    offer_id=profile.advertiser(advertiser).offers[0][0],
                    at=at,
                    clicked_at=at - 600,
                    booked_at=at + 60,
                    status="approved",
                    payout=Decimal(payout),
                    revenue=Decimal(95),
                    sale_amount=Decimal(95),
                    is_view_through=False,
                    event_revenue=None,
                    changes=(),
                )
            )
    spend = [
        _spend(
            profile.mapping[place].source_id, profile.mapping[place].source_name,
            profile.mapping[place].source_alias, cost, clicks,
        )
        for place, cost, clicks in _REDTRACK
    ]  # fmt: skip
    spend.append(_spend(STRAY_SOURCE_ID, "New Source", "other", "20.00", 3))
    return DayLog("713", day, tuple(cells), tuple(conversions), tuple(spend), None)


def _spend(source_id: str, name: str, alias: str, cost: str, clicks: int) -> Spend:
    return Spend(
        source_id=source_id, source_name=name, source_alias=alias, clicks=clicks,
        unique_clicks=clicks, impressions=0, lp_views=clicks, lp_clicks=0, conversions=0,
        total_conversions=0, revenue=Decimal(0), costs=(Cost(0, Decimal(cost)),),
        left_out=frozenset(), hidden=None,
    )  # fmt: skip


SCENARIOS: dict[str, Callable[[int], World]] = {
    "default": lambda seed: World(seed, calm_day),
    "demo": demo_world,
    "messy": lambda seed: World(seed, busy_day),
    "noisy": _noisy,
    "quiet": lambda seed: World(seed, quiet_day),
    "causes": lambda seed: World(seed, quiet_day),
    "bad_morning": lambda seed: World(seed, _bad_morning_day),
    "worked_example": lambda seed: World(seed, _worked_day, orders=False),
    "empty": lambda seed: World(seed, empty_day, orders=False),
}
