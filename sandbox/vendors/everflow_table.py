"""Everflow's aggregated table, summed from the event log for any time zone and set of columns."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.cast import Profile
from sandbox.clock import BUSINESS_ZONE, day_bounds, days_between, local_day
from sandbox.events import Cell, DayLog, grown, share_of_day, state_of
from sandbox.world import World

TIME_COLUMNS = ("date", "week", "month", "year")
DIMENSIONS = ("affiliate", "advertiser", "offer")
Key = tuple[date, int, int, int]  # day, affiliate, advertiser, offer


@dataclass
class Metrics:
    imp: int = 0
    unique_click: int = 0
    duplicate_click: int = 0
    invalid_click: int = 0
    cv: int = 0
    view_through_cv: int = 0
    invalid_cv_scrub: int = 0
    event: int = 0
    on_hold: int = 0
    payout: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)
    event_revenue: Decimal = Decimal(0)
    gross_sales: Decimal = Decimal(0)
    on_hold_payout: Decimal = Decimal(0)
    on_hold_revenue: Decimal = Decimal(0)

    def add(self, other: "Metrics") -> None:
        for name, value in vars(other).items():
            if value:
                setattr(self, name, getattr(self, name) + value)

    def is_nothing(self) -> bool:
        return not any(vars(self).values())

    def in_currency(self, rate: Decimal) -> "Metrics":
        """The same with every amount of money times `rate`."""
        money: dict[str, Any] = {
            name: value * rate for name, value in vars(self).items() if isinstance(value, Decimal)
        }
        return replace(self, **money)

    def as_json(self) -> dict[str, Any]:
        """The vendor's names; whole amounts as integers, others as floats."""
        clicks = self.unique_click + self.duplicate_click
        profit = self.revenue - self.payout
        return {
            "imp": self.imp,
            "total_click": clicks,
            "unique_click": self.unique_click,
            "invalid_click": self.invalid_click,
            "duplicate_click": self.duplicate_click,
            "gross_click": clicks + self.invalid_click,
            "ctr": _ratio(100 * clicks, self.imp),
            "cv": self.cv,
            "invalid_cv_scrub": self.invalid_cv_scrub,
            "view_through_cv": self.view_through_cv,
            "total_cv": self.cv + self.view_through_cv,
            "event": self.event,
            "cvr": _ratio(100 * self.cv, clicks),
            "evr": _ratio(100 * self.event, self.cv),
            "cpc": _ratio(self.payout, clicks),
            "cpm": 0,
            "cpa": _ratio(self.payout, self.cv),
            "epc": _ratio(self.payout, clicks),
            "rpc": _ratio(self.revenue, clicks),
            "rpa": _ratio(self.revenue, self.cv),
            "rpm": 0,
            "payout": number(self.payout),
            "revenue": number(self.revenue),
            "event_revenue": number(self.event_revenue),
            "gross_sales": number(self.gross_sales),
            "profit": number(profit),
            "margin": _ratio(100 * profit, self.revenue),
            "roas": _ratio(100 * self.revenue, self.payout),
            "avg_sale_value": _ratio(self.gross_sales, self.cv),
            "media_buying_cost": 0,
            "on_hold_potential_revenue": number(self.on_hold_revenue),
            "on_hold_potential_payout": number(self.on_hold_payout),
            "on_hold_conversion_count": self.on_hold,
            # undocumented metrics
            "total_event": self.event,
            "public_events": {"Upsell": self.event},
            "custom_metric_17": 1.5,
        }


def number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _ratio(part: int | Decimal, whole: int | Decimal) -> int | float:
    return number(round(Decimal(part) / Decimal(whole), 3)) if whole else 0


class Table:
    """Sums per (day in `zone`, affiliate, advertiser, offer), as known at `now`."""

    def __init__(self, world: World, profile: Profile, zone: ZoneInfo, now: int) -> None:
        self._world = world
        self._profile = profile
        self._zone = zone
        self._now = now
        self.labels: dict[tuple[int, int, date], str] = {}

    def sums(self, start: date, end: date) -> dict[Key, Metrics]:
        """Days of the zone from `start` to `end`, both included; rows without activity left out."""
        margin = timedelta(days=0 if self._zone == BUSINESS_ZONE else 1)
        sums: defaultdict[Key, Metrics] = defaultdict(Metrics)
        for day in days_between(start - margin, end + margin):
            log = self._world.day(self._profile.client, day)
            if log.emptied is None or not log.emptied.covers(self._now):
                self._book(log, sums)
        return {
            key: metrics
            for key, metrics in sums.items()
            if start <= key[0] <= end and not metrics.is_nothing()
        }

    def _book(self, log: DayLog, sums: defaultdict[Key, Metrics]) -> None:
        hidden = set()
        slices = list(self._slices(log.day))
        for cell in log.cells:
            name = (cell.affiliate_id, cell.advertiser_id)
            if cell.hidden is not None and cell.hidden.covers(self._now):
                hidden.add(name)
                continue
            for day, before, after in slices:
                self.labels[(*name, day)] = cell.label
                self._book_clicks(cell, day, before, after, sums)
        for row in log.adjustments:
            if row.known_at <= self._now and (row.affiliate_id, row.advertiser_id) not in hidden:
                metrics = sums[(log.day, row.affiliate_id, row.advertiser_id, row.offer_id)]
                metrics.unique_click += row.clicks
                metrics.cv += row.conversions
                metrics.payout += row.payout
                metrics.revenue += row.revenue
        self._book_conversions(log, hidden, sums)

    def _book_conversions(
        self, log: DayLog, hidden: set[tuple[int, int]], sums: defaultdict[Key, Metrics]
    ) -> None:
        for row in log.conversions:
            state = state_of(row, self._now)
            if state is None or (row.affiliate_id, row.advertiser_id) in hidden:
                continue
            day = log.day if self._zone == BUSINESS_ZONE else local_day(row.at, self._zone)
            metrics = sums[(day, row.affiliate_id, row.advertiser_id, row.offer_id)]
            if state.status == "rejected":
                metrics.invalid_cv_scrub += 1
            elif state.status == "pending":
                metrics.on_hold += 1
                metrics.on_hold_payout += state.payout
                metrics.on_hold_revenue += state.revenue
            else:
                metrics.cv += not row.is_view_through
                metrics.view_through_cv += row.is_view_through
                metrics.payout += state.payout
                metrics.revenue += state.revenue
                metrics.gross_sales += row.sale_amount
                if row.event_revenue is not None:
                    metrics.event += 1
                    metrics.event_revenue += row.event_revenue

    def _slices(self, day: date) -> Iterator[tuple[date, float, float]]:
        """Parts of a business day by date of the zone, as shares of its traffic, up to now."""
        start, end = day_bounds(day)
        stop = min(end, self._now)
        at = start
        while at < stop:
            local = local_day(at, self._zone)
            until = min(stop, day_bounds(local, self._zone)[1])
            yield local, _share(at, start, end), _share(until, start, end)
            at = until

    def _book_clicks(
        self, cell: Cell, day: date, before: float, after: float, sums: dict[Key, Metrics]
    ) -> None:
        """Most clicks go to the advertiser's first offer, three in ten to its second."""
        offers = [offer for offer, _ in self._profile.advertiser(cell.advertiser_id).offers]
        for place, offer in enumerate(offers[:2]):
            metrics = sums[(day, cell.affiliate_id, cell.advertiser_id, offer)]
            for name, total in (
                ("imp", cell.impressions),
                ("unique_click", cell.unique_clicks),
                ("duplicate_click", cell.duplicate_clicks),
                ("invalid_click", cell.invalid_clicks),
            ):
                second = total * 3 // 10 if len(offers) > 1 else 0
                part = second if place else total - second
                if part:
                    found = getattr(metrics, name) + grown(part, after) - grown(part, before)
                    setattr(metrics, name, found)


def _share(at: int, start: int, end: int) -> float:
    return share_of_day((at - start) / (end - start))


def time_bucket(column: str, day: date) -> date:
    """First day of the week, month or year that `day` falls in."""
    if column == "week":
        return day - timedelta(days=day.weekday())
    if column == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if column == "year" else day


def matches(key: Key, filters: Mapping[str, set[str]]) -> bool:
    """Filters of one kind are alternatives, kinds are combined; unknown kinds are ignored."""
    _, affiliate, advertiser, offer = key
    values = {"affiliate": affiliate, "advertiser": advertiser, "offer": offer}
    return all(str(values[kind]) in wanted for kind, wanted in filters.items() if kind in values)
