"""Input for tests of the Monday reports: the marts that they read, with hand-written rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from reports import Rendered, registry
from reports.compose import context_of, messages_of, read_rows
from reports.model import LastReport
from reports.preview.recorded import create_marts
from signalroom.clients import client as client_of
from tests.support.warehouse import Warehouse

SUNDAY = date(2026, 11, 22)
NOW = "2026-11-23T07:35:00-05:00"
LOADED_AT = datetime(2026, 11, 23, 12, 1, tzinfo=UTC)
Row = dict[str, Any]


@dataclass(frozen=True)
class Sold:
    """A brand's sums for a week, in dollars as text."""

    conversions: int
    revenue: str
    cost: str
    unmapped: str = "0"


@dataclass(frozen=True)
class Seller:
    """An affiliate's week; `was` is (conversions, cost, profit) of the week before."""

    label: str
    conversions: int
    cost: str
    profit: str
    was: tuple[int, str, str] = (0, "0", "0")
    advertiser_id: int = 1
    is_internal: bool = False
    state: str = "ok"
    missing_days: int = 0


@dataclass(frozen=True)
class State:
    """Orders of a state and brand on one day."""

    state: str
    attempts: int
    approved: int
    declined: int
    revenue: str
    project: str | None = "CCW"
    refunds: int = 0
    chargebacks: int = 0


class WeekMarts:
    """The marts of a test's warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        warehouse.execute(create_marts())

    def put(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows with the same columns; other columns are null."""
        if not rows:
            return
        mark = "?" if self._warehouse.target == "duckdb" else "%s"
        columns = list(rows[0])
        row = f"({', '.join([mark] * (len(columns) + 1))})"
        self._warehouse.execute(
            f"insert into marts.{table} (_client_id, {', '.join(columns)}) "
            f"values {', '.join([row] * len(rows))}",
            *(value for one in rows for value in ("713", *(one[name] for name in columns))),
        )

    def clear(self, table: str) -> None:
        """Delete all rows."""
        self._warehouse.execute(f"delete from marts.{table}")

    def days(
        self, first: date, last: date, late: Sequence[date] = (), redtrack: bool = True
    ) -> None:
        """Add requested days, all complete except `late`."""
        found = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self.put(
            "daily_summary",
            [
                {
                    "date": day,
                    "is_complete": day not in late,
                    "everflow_loaded_at": LOADED_AT,
                    "redtrack_loaded_at": LOADED_AT if redtrack or day not in late else None,
                }
                for day in found
            ],
        )

    def week(
        self, sunday: date, brands: Mapping[int | None, tuple[Sold, Sold | None]], days: int = 7
    ) -> None:
        """Add a week of each brand, with the week before if it can be compared."""
        self.put("weekly_rollup", [self._brand(sunday, days, *one) for one in brands.items()])

    def _brand(
        self, sunday: date, days: int, number: int | None, sold: tuple[Sold, Sold | None]
    ) -> Row:
        now, was = sold
        row: Row = {
            "advertiser_id": number,
            "advertiser_label": {1: "CCW", 2: "EXP"}.get(number or 0, f"Brand {number}"),
            "week_start": sunday - timedelta(days=6),
            "days": days,
            "conversions": now.conversions,
            "everflow_payout": Decimal(0),
            "everflow_revenue": Decimal(now.revenue),
            "redtrack_cost": Decimal(now.cost),
            "unmapped_cost": Decimal(now.unmapped),
            "cost": Decimal(now.cost),
            "profit": Decimal(now.revenue) - Decimal(now.cost),
        }
        return row | {
            "previous_conversions": was and was.conversions,
            "previous_revenue": was and Decimal(was.revenue),
            "previous_cost": was and Decimal(was.cost),
            "previous_unmapped_cost": was and Decimal(was.unmapped),
            "previous_profit": was and Decimal(was.revenue) - Decimal(was.cost),
        }

    def board(self, sunday: date, *sellers: Seller) -> None:
        """Add the leaderboard of a week, with ranks as in the mart."""
        self.put("affiliate_leaderboard", [_place(sunday, one, sellers) for one in sellers])

    def orders(self, day: date, *states: State) -> None:
        """Add orders of a day."""
        self.put(
            "state_performance",
            [
                {
                    **vars(one),
                    "order_date": day,
                    "revenue": Decimal(one.revenue),
                    "refund_amount": Decimal(0),
                }
                for one in states
            ],
        )

    def files(self, first: date, last: date, but: Sequence[date] = ()) -> None:
        """Add days for which a file with orders was read."""
        found = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self.put(
            "order_files",
            [
                {"file_date": day, "files": 1, "loaded_at": LOADED_AT}
                for day in found
                if day not in but
            ],
        )


def _place(sunday: date, one: Seller, sellers: Sequence[Seller]) -> Row:
    rivals = [other for other in sellers if other.advertiser_id == one.advertiser_id]
    sold = sum(other.conversions for other in rivals)
    cost, was_cost = Decimal(one.cost), Decimal(one.was[1])
    is_low = one.conversions < 10
    has_cpa = one.conversions > 0 and one.state in ("ok", "zero_cost")
    rated = [r for r in rivals if r.conversions >= 10 and r.state in ("ok", "zero_cost")]
    cpa = (cost / one.conversions) if has_cpa else None
    return {
        "advertiser_id": one.advertiser_id,
        "advertiser_label": {1: "CCW", 2: "EXP"}.get(one.advertiser_id, "Other"),
        "period": "last_7_days",
        "period_start": sunday - timedelta(days=6),
        "period_end": sunday,
        "affiliate_label": one.label,
        "is_internal": one.is_internal,
        "is_low_volume": is_low,
        "conversions": one.conversions,
        "conversions_share": Decimal(one.conversions) / sold if sold else None,
        "everflow_revenue": cost + Decimal(one.profit),
        "cost": cost,
        "cpa": cpa,
        "cpa_state": one.state,
        "missing_spend_days": one.missing_days,
        "profit": Decimal(one.profit),
        "profit_rank": 1 + sum(Decimal(r.profit) > Decimal(one.profit) for r in rivals),
        "conversions_rank": 1 + sum(r.conversions > one.conversions for r in rivals),
        "cpa_rank": None
        if is_low or cpa is None
        else 1 + sum(Decimal(r.cost) / r.conversions < cpa for r in rated),
        "previous_conversions": one.was[0],
        "previous_cost": was_cost,
        "previous_cpa": was_cost / one.was[0] if one.was[0] else None,
        "previous_profit": Decimal(one.was[2]),
    }


def restated(name: str, before: Rendered, edition: str = "complete") -> Rendered:
    """The report once more, after the message `before` was delivered with its numbers."""
    report, client = registry.find(name), client_of("713")
    reported = {
        date.fromisoformat(day): LastReport(LOADED_AT, edition, figures)
        for day, figures in before.reported.items()
    }
    rows = read_rows(report, client, before.requested_day)
    context = context_of(report, client, before.requested_day, rows, reported)
    messages = messages_of(report, client, before.requested_day, context, report.channels)
    return replace(before, messages=messages, context=context, reported=context.reported)
