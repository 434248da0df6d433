"""Changes of the past planned by a test or a scenario, on top of the world's own days.

Each has a cause, and from `at` on the vendor's data of the day differs. Planned before anything is
read, they are part of the truth: `Agency.changes` lists them with their amounts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Literal, get_args

from sandbox.cast import Profile
from sandbox.clock import day_bounds
from sandbox.errors import SandboxError
from sandbox.events import Adjustment, Change, Conversion, Cost, DayLog

Cause = Literal[
    "late_conversion", "reversed_conversion", "payout_change", "adjustment", "spend_rewrite"
]
NOON = 12 * 3600


@dataclass(frozen=True)
class Plan:
    """`count` conversions, `payout` and `revenue` dollars, or `cost` dollars of a source more.

    A payout change adds `payout` to each of its conversions; of a late conversion the payout and
    the revenue are the usual ones.
    """

    cause: Cause
    client: str
    day: date
    at: int  # epoch
    affiliate_id: int = 0
    advertiser_id: int = 0
    source_id: str = ""
    count: int = 1
    payout: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


def applied(log: DayLog, profile: Profile, plans: list[Plan]) -> DayLog:
    """The day with its planned changes.

    Raises SandboxError for a plan that the day has no row for.
    """
    for number, plan in enumerate(plans):
        if plan.cause not in get_args(Cause):
            raise SandboxError(f"no cause {plan.cause!r}; there are {', '.join(get_args(Cause))}")
        if plan.cause == "spend_rewrite":
            log = _with_cost(log, plan)
            continue
        name = (plan.affiliate_id, plan.advertiser_id)
        if name not in {(cell.affiliate_id, cell.advertiser_id) for cell in log.cells}:
            raise SandboxError(
                f"{plan.day}: affiliate {name[0]} has no row of advertiser {name[1]}"
            )
        if plan.cause == "late_conversion":
            late = tuple(_late(profile, plan, number, place) for place in range(plan.count))
            log = log._replace(conversions=(*log.conversions, *late))
        elif plan.cause == "adjustment":
            log = log._replace(adjustments=(*log.adjustments, _adjustment(profile, plan, number)))
        else:
            log = _with_changes(log, plan)
    return log


def _late(profile: Profile, plan: Plan, number: int, place: int) -> Conversion:
    advertiser = profile.advertiser(plan.advertiser_id)
    affiliate = next(
        row
        for row in profile.affiliates
        if (row.affiliate_id, row.advertiser_id) == (plan.affiliate_id, plan.advertiser_id)
    )
    at = day_bounds(plan.day)[0] + NOON + 61 * number + place
    return Conversion(
        conversion_id=f"{plan.day.toordinal():08x}{plan.affiliate_id:08x}"
        f"{plan.advertiser_id:04x}{number:06x}{place:06x}",
        affiliate_id=plan.affiliate_id, advertiser_id=plan.advertiser_id,
        offer_id=advertiser.offers[0][0], at=at, clicked_at=at - 600, booked_at=plan.at,
        status="approved", payout=affiliate.payout, revenue=advertiser.revenue,
        sale_amount=advertiser.sale, is_view_through=False, event_revenue=None, changes=(),
    )  # fmt: skip


def _adjustment(profile: Profile, plan: Plan, number: int) -> Adjustment:
    return Adjustment(
        adjustment_id=plan.day.toordinal() * 100 + number,
        known_at=plan.at,
        affiliate_id=plan.affiliate_id,
        advertiser_id=plan.advertiser_id,
        offer_id=profile.advertiser(plan.advertiser_id).offers[0][0],
        clicks=0,
        conversions=plan.count,
        payout=plan.payout,
        revenue=plan.revenue,
        notes="Agreed with the partner",
    )


def _with_changes(log: DayLog, plan: Plan) -> DayLog:
    """`count` conversions of the affiliate without other changes, changed."""
    found = list(log.conversions)
    for place in _untouched(log, plan):
        row = found[place]
        change = (
            Change(plan.at, status="rejected")
            if plan.cause == "reversed_conversion"
            else Change(plan.at, payout=row.payout + plan.payout)
        )
        found[place] = row._replace(changes=(*row.changes, change))
    return log._replace(conversions=tuple(found))


def _untouched(log: DayLog, plan: Plan) -> list[int]:
    found = [
        place
        for place, row in enumerate(log.conversions)
        if (row.affiliate_id, row.advertiser_id) == (plan.affiliate_id, plan.advertiser_id)
        and row.status == "approved"
        and row.booked_at < plan.at
        and not row.changes
        and not row.is_view_through
    ]
    if len(found) < plan.count:
        raise SandboxError(
            f"{plan.day}: affiliate {plan.affiliate_id} has {len(found)} conversions that could "
            f"be changed, not {plan.count}"
        )
    return found[: plan.count]


def _with_cost(log: DayLog, plan: Plan) -> DayLog:
    rows = list(log.spend)
    place = next((n for n, row in enumerate(rows) if row.source_id == plan.source_id), None)
    if place is None:
        raise SandboxError(f"{plan.day}: source {plan.source_id} has no spend to rewrite")
    costs = rows[place].costs
    before = [cost for cost in costs if cost.known_at <= plan.at]
    after = [cost for cost in costs if cost.known_at > plan.at]
    new = Cost(plan.at, before[-1].total + plan.cost)
    rows[place] = rows[place]._replace(costs=(*before, new, *after))
    return log._replace(spend=tuple(rows))


def every_cause(
    profile: Profile, day_of: Callable[[date], DayLog], today: date, at: int
) -> Iterator[Plan]:
    """Each cause alone and each pair of causes, each in a separate line.

    The lines are days of one internal affiliate of the client, the newest first.
    """
    causes: tuple[Cause, ...] = get_args(Cause)
    sets: list[tuple[Cause, ...]] = [(one,) for one in causes]
    sets += [(one, two) for place, one in enumerate(causes) for two in causes[place + 1 :]]
    mapped = next(row for row in profile.mapping if row.is_mapped)
    affiliate = next(one for one in profile.affiliates if one.label == mapped.label)
    ages = count(1)
    for chosen in sets:
        day = next(
            day
            for day in (today - timedelta(days=age) for age in ages)
            if any(row.source_id == mapped.source_id for row in day_of(day).spend)
        )
        for cause in chosen:
            yield Plan(
                cause, profile.client, day, at, affiliate.affiliate_id, affiliate.advertiser_id,
                mapped.source_id, count=2 if cause == "late_conversion" else 1,
                payout=Decimal("7.25") if cause == "payout_change" else Decimal("11.5"),
                revenue=Decimal("40"), cost=Decimal("18.37"),
            )  # fmt: skip
