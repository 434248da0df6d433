"""Events, and when each vendor learned of them.

Instants are epoch seconds. Nothing here depends on the simulated now: a response shows these events
as of an instant.
"""

import math
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Change(NamedTuple):
    """A later correction of a conversion; None leaves a field unchanged."""

    known_at: int
    status: str | None = None
    payout: Decimal | None = None
    revenue: Decimal | None = None


class Conversion(NamedTuple):
    conversion_id: str
    affiliate_id: int
    advertiser_id: int
    offer_id: int
    at: int
    clicked_at: int
    booked_at: int  # when Everflow first shows it
    status: str
    payout: Decimal
    revenue: Decimal
    sale_amount: Decimal
    is_view_through: bool
    event_revenue: Decimal | None  # an upsell that followed; not a base conversion
    changes: tuple[Change, ...]


class State(NamedTuple):
    """A conversion as Everflow has it at one instant."""

    status: str
    payout: Decimal
    revenue: Decimal


def state_of(conversion: Conversion, now: int) -> State | None:
    """The conversion as known at `now`; None if it is not booked yet."""
    if conversion.booked_at > now:
        return None
    status, payout, revenue = conversion.status, conversion.payout, conversion.revenue
    for change in conversion.changes:
        if change.known_at <= now:
            status = change.status or status
            payout = payout if change.payout is None else change.payout
            revenue = revenue if change.revenue is None else change.revenue
    return State(status, payout, revenue)


class Window(NamedTuple):
    """From `start` up to but not including `end`; open when `end` is None."""

    start: int
    end: int | None = None

    def covers(self, now: int) -> bool:
        return self.start <= now and (self.end is None or now < self.end)


class Cell(NamedTuple):
    """Clicks of one affiliate for one advertiser on one business day (whole-day totals)."""

    affiliate_id: int
    label: str
    advertiser_id: int
    impressions: int
    unique_clicks: int
    duplicate_clicks: int
    invalid_clicks: int
    offers: int  # number of offers that its clicks are spread over
    hidden: Window | None  # when Everflow does not show this row, including its conversions


class Adjustment(NamedTuple):
    """A manual correction of a day's totals; no single conversion shows it."""

    adjustment_id: int
    known_at: int
    affiliate_id: int
    advertiser_id: int
    offer_id: int
    clicks: int
    conversions: int
    payout: Decimal
    revenue: Decimal
    notes: str


class Cost(NamedTuple):
    known_at: int
    total: Decimal


class Spend(NamedTuple):
    """One RedTrack source on one business day (whole-day totals, costs oldest first)."""

    source_id: str
    source_name: str
    source_alias: str
    clicks: int
    unique_clicks: int
    impressions: int
    lp_views: int
    lp_clicks: int
    conversions: int
    total_conversions: int
    revenue: Decimal
    costs: tuple[Cost, ...]
    left_out: frozenset[str]  # metrics that the vendor omits in this row
    hidden: Window | None


class DayLog(NamedTuple):
    """Everything of one client's business day."""

    client: str
    day: date
    cells: tuple[Cell, ...]
    conversions: tuple[Conversion, ...]
    spend: tuple[Spend, ...]
    emptied: Window | None  # when Everflow shows nothing at all for the day
    adjustments: tuple[Adjustment, ...] = ()


def cost_of(spend: Spend, now: int) -> Decimal:
    """The day's total cost in RedTrack at `now`."""
    total = spend.costs[0].total
    for cost in spend.costs:
        if cost.known_at <= now:
            total = cost.total
    return total


def share_of_day(fraction: float) -> float:
    """The share of a day's traffic after `fraction` of the day (0 to 1, slow at both ends)."""
    fraction = min(1.0, max(0.0, fraction))
    return fraction * fraction * (3.0 - 2.0 * fraction)


def moment_of(share: float) -> float:
    """The inverse of share_of_day: the fraction of the day by which that share has arrived."""
    return 0.5 - math.sin(math.asin(1.0 - 2.0 * share) / 3.0)


def grown(total: int, share: float) -> int:
    """The part of a whole-day count after that share of the day."""
    return total if share >= 1.0 else int(total * share)


def grown_money(total: Decimal, share: float) -> Decimal:
    """The part of a whole-day amount after that share, in cents until the day has ended."""
    if share >= 1.0:
        return total
    return (total * Decimal(repr(share))).quantize(Decimal("0.01"))
