"""Input for report tests: the marts that reports read, with hand-written rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from reports.preview.recorded import create_marts
from tests.support.warehouse import Warehouse

DAY = date(2026, 11, 18)
NOW = "2026-11-19T09:30:00-05:00"
LOADED_AT = datetime(2026, 11, 19, 12, 1, tzinfo=UTC)
BEFORE_MIDNIGHT = datetime(2026, 11, 18, 23, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Affiliate:
    """One row of daily_performance, with the columns that reports read."""

    label: str
    conversions: int
    cost: str
    kind: str = "external"  # internal, external, unmapped
    advertiser_id: int | None = 1
    state: str = "ok"


# The day of WORKED_EXAMPLE.md.
EXAMPLE = (
    Affiliate("G2 - Meta", 20, "600.00", "internal"),
    Affiliate("SB - Meta", 10, "300.00", "internal"),
    Affiliate("G2 - Google", 2, "0", "internal", state="missing_spend"),
    Affiliate("Blue Bench", 12, "360.00"),
    Affiliate("Venture Beyond", 0, "0", state="no_conversions"),
    Affiliate("AC Email", 3, "0", state="zero_cost"),
    Affiliate("G2 - Meta", 0, "75.00", "internal", advertiser_id=2, state="no_conversions"),
    Affiliate("Unmapped: Facebook CTI", 0, "310.25", "unmapped", None, "unmapped_spend"),
    Affiliate("Unmapped: Google Accounts", 0, "12.00", "unmapped", 1, "unmapped_spend"),
    Affiliate("Unmapped: New Source", 0, "20.00", "unmapped", None, "unmapped_spend"),
)

# The same without missing spend, so that its CPA is compared.
PAID_EXAMPLE = tuple(one for one in EXAMPLE if one.state != "missing_spend")


@dataclass(frozen=True)
class Day:
    """One client's day in the marts."""

    affiliates: tuple[Affiliate, ...] = EXAMPLE
    date: date = DAY
    client_id: str = "713"
    is_complete: bool = True
    everflow: datetime | None = LOADED_AT
    redtrack: datetime | None = LOADED_AT


def trend(days: int = 13, until: date = DAY) -> list[Day]:
    """Plausible days before a day, as data for trend and comparison."""
    found = []
    for back in range(1, days + 1):
        paid, sold = 14 + (back * 7) % 11, 9 + (back * 5) % 7
        affiliates = (
            Affiliate("G2 - Meta", paid, f"{330 + (back * 97) % 260}.50", "internal"),
            Affiliate("Blue Bench", sold, f"{30 * sold}.00"),
        )
        found.append(Day(affiliates, until - timedelta(days=back)))
    return found


class Marts:
    """The marts of a test's warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        warehouse.execute(create_marts())

    def load(self, *days: Day) -> None:
        """Load days into the marts, replacing earlier rows of those days."""
        for table in ("daily_performance", "daily_summary"):
            for day in days:
                self._warehouse.execute(
                    f"delete from marts.{table} "
                    f"where _client_id = '{day.client_id}' and date = '{day.date}'"
                )
        self._insert(
            "daily_summary",
            ("_client_id", "date", "is_complete", "everflow_loaded_at", "redtrack_loaded_at"),
            (
                (day.client_id, day.date, day.is_complete, day.everflow, day.redtrack)
                for day in days
            ),
        )
        self._insert(
            "daily_performance",
            (
                "_client_id",
                "date",
                "advertiser_id",
                "affiliate_label",
                "is_internal",
                "is_unmapped",
                "conversions",
                "cost",
                "cpa_state",
            ),
            (
                (
                    day.client_id,
                    day.date,
                    one.advertiser_id,
                    one.label,
                    one.kind == "internal",
                    one.kind == "unmapped",
                    one.conversions,
                    Decimal(one.cost),
                    one.state,
                )
                for day in days
                for one in day.affiliates
            ),
        )

    def goals(self, brand: str = "CCW", **goals: str) -> None:
        """Add goals of client 713 for November 2026, by measure."""
        columns = ("_client_id", "brand", "month", "measure", "goal", "days_in_month")
        rows = [("713", brand, "2026-11", name, Decimal(goal), 30) for name, goal in goals.items()]
        self._insert("goal_pace", columns, rows)

    def _insert(
        self, table: str, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]
    ) -> None:
        mark = "?" if self._warehouse.target == "duckdb" else "%s"
        given = list(rows)
        if not given:
            return
        row = f"({', '.join([mark] * len(columns))})"
        self._warehouse.execute(
            f"insert into marts.{table} ({', '.join(columns)}) "
            f"values {', '.join([row] * len(given))}",
            *(value for values in given for value in values),
        )
