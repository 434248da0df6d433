"""The truth of one client, as of one simulated instant."""

import csv
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

from sandbox.clock import days_between
from sandbox.ledger.orders import files_of, orders_of
from sandbox.ledger.performance import Directory, daily_performance, daily_summary, unmapped_spend
from sandbox.ledger.rows import Row, daily_spend, daily_stats
from sandbox.orders.delivery import Delivery
from sandbox.world import World


@dataclass(frozen=True)
class Truth:
    """Rows as dicts under the tables' column names; money is Decimal, never rounded."""

    daily_stats: list[Row]
    daily_spend: list[Row]
    daily_performance: list[Row]
    daily_summary: list[Row]
    unmapped_spend: list[Row]
    orders: list[Row]
    files: list[Row]

    def write(self, folder: Path) -> list[Path]:
        """One CSV file per table, for people. Returns the files."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for field in fields(self):
            rows: list[Row] = getattr(self, field.name)
            path = folder / f"{field.name}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
                writer.writeheader()
                writer.writerows(rows)
            written.append(path)
        return written


def truth_of(
    world: World, client: str, start: date, end: date, now: int, today: date,
    deliveries: list[Delivery],
) -> Truth:  # fmt: skip
    """What a complete pull of days `start` to `end` at epoch `now` must lead to.

    Everflow's newest spelling of a label is the newest one within those days. Orders come from
    every file delivered by then, whatever the days.
    """
    profile = world.profiles[client]
    days = days_between(start, end)
    labels = {row.advertiser_id: row.label for row in profile.advertisers}
    logs = [world.day(client, day) for day in days]
    stats = [row for log in logs for row in daily_stats(log, now, labels)]
    spend = [row for log in logs for row in daily_spend(log, now)]
    directory = Directory(profile.mapping, stats, labels)
    performance = daily_performance(client, stats, spend, directory)
    return Truth(
        daily_stats=stats,
        daily_spend=spend,
        daily_performance=performance,
        daily_summary=daily_summary(client, days, performance, today),
        unmapped_spend=unmapped_spend(client, spend, directory),
        orders=orders_of(client, deliveries, now),
        files=files_of(client, deliveries, now),
    )
