"""The truth of one client, as of one simulated instant."""

import csv
from collections.abc import Callable
from datetime import date
from functools import cached_property
from pathlib import Path

from sandbox.clock import days_between
from sandbox.ledger.campaigns import campaign_spend, redtrack_conversions
from sandbox.ledger.engagement import email_engagement, funnel_daily, prospects_by_day
from sandbox.ledger.events import adjustments, clicks, conversions
from sandbox.ledger.lists import (
    advertisers,
    affiliates,
    campaigns,
    offers,
    redtrack_offers,
    sources,
    tracking_codes,
)
from sandbox.ledger.marketing import MarketingTruth
from sandbox.ledger.orders import files_of, orders_of
from sandbox.ledger.performance import (
    Directory,
    by_offer,
    daily_performance,
    daily_summary,
    unmapped_spend,
)
from sandbox.ledger.projects import daily_project_performance, lines_of
from sandbox.ledger.rows import Row, daily_spend, daily_stats
from sandbox.ledger.sheets import sheet
from sandbox.orders.delivery import Delivery
from sandbox.world import World


class Truth(MarketingTruth):
    """The expected result of a complete pull of days `start` to `end` at epoch `now`.

    Rows are dicts under the tables' column names; money is Decimal, never rounded. Everflow's
    newest spelling of a label is the newest one within those days. Orders and files are those of
    every file delivered by then, whatever the days. Each table is computed when first read.
    """

    tables = ("daily_stats", "daily_spend", "daily_performance", "daily_summary",
              "unmapped_spend", "daily_project_performance", "funnel_daily", "email_engagement",
              "orders", "files", "conversions", "adjustments", "affiliates", "advertisers",
              "offers", "tracking_codes", "campaigns", "sources", "campaign_spend",
              "redtrack_conversions", "redtrack_offers", "targets", "budgets",
              *MarketingTruth.marketing_tables)  # fmt: skip

    def __init__(
        self, world: World, client: str, start: date, end: date, now: int, today: date,
        deliveries: Callable[[], list[Delivery]],
    ) -> None:  # fmt: skip
        super().__init__(world, client, days_between(start, end), now)
        self._profile = world.profiles[client]
        self._logs = [world.day(client, day) for day in self.days]
        self._today = today
        self._deliveries = deliveries
        self._advertisers = {row.advertiser_id: row.label for row in self._profile.advertisers}

    @cached_property
    def daily_stats(self) -> list[Row]:
        """`everflow.daily_stats`"""
        return [row for log in self._logs for row in daily_stats(log, self._now, self._advertisers)]

    @cached_property
    def daily_spend(self) -> list[Row]:
        """`redtrack.daily_spend`"""
        return [row for log in self._logs for row in daily_spend(log, self._now)]

    @cached_property
    def directory(self) -> Directory:
        """Affiliates and advertisers, by the client's file and Everflow's labels."""
        return Directory(self._profile.mapping, self.daily_stats, self._advertisers)

    @cached_property
    def daily_performance(self) -> list[Row]:
        """`marts.daily_performance`"""
        return daily_performance(self.client, self.daily_stats, self.daily_spend, self.directory)

    @cached_property
    def performance_by_offer(self) -> list[Row]:
        """`marts.daily_performance`, if the client's registry entry had `mapping: offer`"""
        affiliates_by_id = {row["network_affiliate_id"]: row["name"] for row in self.affiliates}
        advertisers = {row["network_offer_id"]: row["network_advertiser_id"] for row in self.offers}
        links = {
            str(row["id"]): (
                str(affiliates_by_id[row["affiliate_id"]]),
                int(str(advertisers[row["everflow_offer_id"]])),
            )
            for row in self.redtrack_offers
            if row["affiliate_id"] is not None and row["everflow_offer_id"] is not None
        }
        directory = Directory(self._profile.mapping, self.daily_stats, self._advertisers)
        spend = by_offer(self.daily_spend, self.campaign_spend, links, directory)
        return daily_performance(self.client, self.daily_stats, spend, directory)

    @cached_property
    def daily_summary(self) -> list[Row]:
        """`marts.daily_summary`, one row per requested day"""
        return daily_summary(self.client, self.days, self.daily_performance, self._today)

    @cached_property
    def unmapped_spend(self) -> list[Row]:
        """`marts.unmapped_spend`"""
        return unmapped_spend(self.client, self.daily_spend, self.directory)

    @cached_property
    def daily_project_performance(self) -> list[Row]:
        """`marts.daily_project_performance`"""
        return daily_project_performance(
            self.client, self.days, lines_of(self.client), self.daily_performance, self.conversions
        )

    @cached_property
    def funnel_daily(self) -> list[Row]:
        """`marts.funnel_daily`, one row per requested day"""
        prospects = prospects_by_day(self._deliveries(), self._now)
        return funnel_daily(
            self.client, self.posthog_events, prospects, self.orders, self.daily_summary
        )

    @cached_property
    def email_engagement(self) -> list[Row]:
        """`marts.email_engagement`"""
        return email_engagement(self.client, self.mautic_email_stats, self.mautic_emails)

    @cached_property
    def orders(self) -> list[Row]:
        """`marts.orders`"""
        return orders_of(self.client, self._deliveries(), self._now)

    @cached_property
    def files(self) -> list[Row]:
        """Files in the bucket and their number of lines below the header; None if empty."""
        return files_of(self.client, self._deliveries(), self._now)

    @cached_property
    def conversions(self) -> list[Row]:
        """`everflow.conversions`, except for the visitor's device and location"""
        currency = self._quirks.everflow_currencies.get(self.client, "USD")
        return [
            row
            for log in self._logs
            for row in conversions(log, self._profile, self._now, currency)
        ]

    @cached_property
    def adjustments(self) -> list[Row]:
        """`everflow.adjustments`: manual corrections, which are included in the totals"""
        return [row for log in self._logs for row in adjustments(log, self._now)]

    @cached_property
    def clicks(self) -> list[Row]:
        """`everflow.clicks`: large, so in no list of tables"""
        return [row for log in self._logs for row in clicks(log, self._now)]

    @cached_property
    def affiliates(self) -> list[Row]:
        """`everflow.affiliates`: id, name, status"""
        return affiliates(self._profile)

    @cached_property
    def advertisers(self) -> list[Row]:
        """`everflow.advertisers`: id, name, status"""
        return advertisers(self._profile)

    @cached_property
    def offers(self) -> list[Row]:
        """`everflow.offers`: id, advertiser, name, status"""
        return offers(self._profile)

    @cached_property
    def tracking_codes(self) -> list[Row]:
        """`everflow.tracking_codes`: the code of each affiliate and offer in links"""
        return tracking_codes(self._profile)

    @cached_property
    def campaigns(self) -> list[Row]:
        """`redtrack.campaigns`: id, title, source, status as text"""
        return campaigns(self._profile, self._today)

    @cached_property
    def campaign_spend(self) -> list[Row]:
        """`redtrack.campaign_spend`: by date, source, campaign and offer"""
        return [row for log in self._logs for row in campaign_spend(log, self._profile, self._now)]

    @cached_property
    def redtrack_conversions(self) -> list[Row]:
        """`redtrack.conversions`"""
        return [
            row for log in self._logs for row in redtrack_conversions(log, self._profile, self._now)
        ]

    @cached_property
    def redtrack_offers(self) -> list[Row]:
        """`redtrack.offers`: id, title, and the Everflow ids in its URL"""
        return redtrack_offers(self._profile)

    @cached_property
    def sources(self) -> list[Row]:
        """`redtrack.sources`: id, title, alias, status"""
        return sources(self._profile)

    @cached_property
    def targets(self) -> list[Row]:
        """`google_sheets.targets`"""
        return sheet(self.client, "Targets", self._now, self._quirks.sheets_loading)

    @cached_property
    def budgets(self) -> list[Row]:
        """`google_sheets.budgets`, which only client 713 has"""
        return sheet(self.client, "Budgets & plans", self._now)

    def write(self, folder: Path) -> list[Path]:
        """Write one CSV file per table. Returns the files."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name in self.tables:
            rows: list[Row] = getattr(self, name)
            path = folder / f"{name}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
                writer.writeheader()
                writer.writerows(rows)
            written.append(path)
        return written
