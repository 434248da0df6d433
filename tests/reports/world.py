"""Input for report tests: the two marts that reports read, filled by hand in a scratch DuckDB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

DAY = date(2026, 11, 18)
NOW = "2026-11-19T09:30:00-05:00"
LOADED_AT = datetime(2026, 11, 19, 12, 1, tzinfo=UTC)
BEFORE_MIDNIGHT = datetime(2026, 11, 18, 23, 2, tzinfo=UTC)

TABLES = """
create schema if not exists marts;
create table marts.daily_performance (
    _client_id varchar, date date, advertiser_id bigint, advertiser_label varchar,
    affiliate_id bigint, affiliate_label varchar, is_internal boolean, is_unmapped boolean,
    clicks bigint, conversions bigint, everflow_payout decimal(38, 18),
    everflow_revenue decimal(38, 18), redtrack_cost decimal(38, 18), redtrack_clicks bigint,
    cost decimal(38, 18), cpa decimal(38, 18), cpa_state varchar, profit decimal(38, 18)
);
create table marts.daily_summary (
    _client_id varchar, date date, conversions bigint, everflow_payout decimal(38, 18),
    everflow_revenue decimal(38, 18), redtrack_cost decimal(38, 18),
    unmapped_cost decimal(38, 18), cost decimal(38, 18), blended_cpa decimal(38, 18),
    mapped_cpa decimal(38, 18), is_complete boolean, everflow_loaded_at timestamptz,
    redtrack_loaded_at timestamptz
);
"""


@dataclass(frozen=True)
class Affiliate:
    """One row of daily_performance, as far as reports read it."""

    label: str
    conversions: int
    cost: str
    kind: str = "external"  # internal, external, unmapped
    advertiser_id: int | None = 1
    state: str = "ok"
    client_id: str = "713"


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


class Marts:
    """A scratch warehouse with the marts of some days."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._path = str(home / "warehouse.duckdb")
        with duckdb.connect(self._path) as connection:
            connection.execute(TABLES)

    def load(
        self,
        affiliates: Iterable[Affiliate],
        day: date = DAY,
        *,
        client_id: str = "713",
        is_complete: bool = True,
        everflow: datetime | None = LOADED_AT,
        redtrack: datetime | None = LOADED_AT,
    ) -> None:
        """Put a day into the marts, in place of what was there of it."""
        with duckdb.connect(self._path) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for table in ("daily_performance", "daily_summary"):
                connection.execute(
                    f"delete from marts.{table} where _client_id = ? and date = ?", [client_id, day]
                )
            connection.execute(
                "insert into marts.daily_summary (_client_id, date, is_complete, "
                "everflow_loaded_at, redtrack_loaded_at) values (?, ?, ?, ?, ?)",
                [client_id, day, is_complete, everflow, redtrack],
            )
            for one in affiliates:
                connection.execute(
                    "insert into marts.daily_performance (_client_id, date, advertiser_id, "
                    "affiliate_label, is_internal, is_unmapped, conversions, cost, cpa_state) "
                    "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        client_id,
                        day,
                        one.advertiser_id,
                        one.label,
                        one.kind == "internal",
                        one.kind == "unmapped",
                        one.conversions,
                        Decimal(one.cost),
                        one.state,
                    ],
                )

    def load_trend(self, days: int = 13, until: date = DAY) -> None:
        """Plausible days before a day, so that trend and comparison have something to show."""
        for back in range(1, days + 1):
            wave = (back * 7) % 11
            self.load(
                (
                    Affiliate("G2 - Meta", 14 + wave, f"{330 + (back * 97) % 260}.50", "internal"),
                    Affiliate(
                        "Blue Bench", 9 + (back * 5) % 7, f"{270 + 30 * ((back * 5) % 7)}.00"
                    ),
                ),
                until - timedelta(days=back),
            )
