"""Raw tables as ingest leaves them, written by hand: rows and the vendor's totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tests.support.warehouse import Warehouse

LOADED_AT = "2026-11-19 14:31:00+00"

TABLES = """
create schema if not exists everflow;
create schema if not exists redtrack;
create schema if not exists s3_exports;
create schema if not exists ops;
create table everflow.daily_stats (
    _client_id text, date date, affiliate_id bigint, affiliate_label text, advertiser_id bigint,
    advertiser_label text, clicks bigint, conversions bigint, revenue decimal(38, 18),
    payout decimal(38, 18), _dlt_load_id text, _dlt_id text);
create table redtrack.daily_spend (
    _client_id text, date date, source_id text, source_name text, source_alias text,
    clicks bigint, conversions bigint, cost decimal(38, 18), _deleted boolean, _dlt_load_id text);
create table ops.loads (
    _client_id text, source text, table_name text, load_id text, loaded_at timestamptz,
    as_of timestamptz, window_start date, window_end date, row_count bigint);
create table ops.control_totals (
    _client_id text, source text, table_name text, partition_key text, day date, measure text,
    total decimal(38, 18), as_of timestamptz, is_closed boolean, loaded_at timestamptz,
    digest text);
"""


@dataclass(frozen=True)
class Stat:
    """A row of everflow.daily_stats."""

    day: date
    affiliate_id: int
    affiliate_label: str
    advertiser_id: int | None
    clicks: int
    conversions: int
    revenue: str
    payout: str
    client: str = "713"


@dataclass(frozen=True)
class Spend:
    """A row of redtrack.daily_spend; no cost means that RedTrack left it out."""

    day: date
    source_id: str
    source_name: str
    clicks: int
    cost: str | None
    client: str = "713"


def create_tables(warehouse: Warehouse) -> None:
    """Create the raw tables of Everflow and RedTrack and ingest's own tables, all empty."""
    warehouse.execute(TABLES)


def insert_stats(warehouse: Warehouse, stats: Iterable[Stat]) -> None:
    """Insert Everflow rows unchanged."""
    insert(
        warehouse,
        "everflow.daily_stats (_client_id, date, affiliate_id, affiliate_label, advertiser_id,"
        " advertiser_label, clicks, conversions, revenue, payout)",
        [
            (
                stat.client,
                stat.day,
                stat.affiliate_id,
                stat.affiliate_label,
                stat.advertiser_id,
                {1: " CCW", 2: "EXP", 7: "CTI"}.get(stat.advertiser_id or 0),
                stat.clicks,
                stat.conversions,
                Decimal(stat.revenue),
                Decimal(stat.payout),
            )
            for stat in stats
        ],
    )


def insert_spend(warehouse: Warehouse, spends: Iterable[Spend]) -> None:
    """Insert RedTrack rows unchanged."""
    insert(
        warehouse,
        "redtrack.daily_spend (_client_id, date, source_id, source_name, clicks, cost)",
        [
            (
                spend.client,
                spend.day,
                spend.source_id,
                spend.source_name,
                spend.clicks,
                None if spend.cost is None else Decimal(spend.cost),
            )
            for spend in spends
        ],
    )


def note_totals(
    warehouse: Warehouse,
    client: str,
    days: Iterable[date],
    stats: Sequence[Stat],
    spends: Sequence[Spend],
) -> None:
    """Record the vendors' totals of each completed day as ingest does, even without rows."""
    rows: list[tuple[object, ...]] = []
    for day in days:
        of_day = [stat for stat in stats if (stat.client, stat.day) == (client, day)]
        spent = [spend for spend in spends if (spend.client, spend.day) == (client, day)]
        everflow = {
            "rows": len(of_day),
            "clicks": sum(stat.clicks for stat in of_day),
            "conversions": sum(stat.conversions for stat in of_day),
            "revenue": sum(Decimal(stat.revenue) for stat in of_day),
            "payout": sum(Decimal(stat.payout) for stat in of_day),
        }
        redtrack = {
            "rows": len(spent),
            "clicks": sum(spend.clicks for spend in spent),
            "cost": sum(Decimal(spend.cost or 0) for spend in spent),
        }
        rows += [_total(client, "everflow", "daily_stats", day, *item) for item in everflow.items()]
        rows += [_total(client, "redtrack", "daily_spend", day, *item) for item in redtrack.items()]
    insert(warehouse, "ops.control_totals", rows)


def note_files(warehouse: Warehouse, table: str, rows_by_file: dict[str, int]) -> None:
    """Record how many rows ingest read from each file of client 713."""
    insert(
        warehouse,
        "ops.control_totals",
        [
            (
                *("713", "s3_exports", table, name, None, "rows", Decimal(count)),
                *(LOADED_AT, True, LOADED_AT, None),
            )
            for name, count in rows_by_file.items()
        ],
    )


def create_orders(warehouse: Warehouse, table: str, rows: Sequence[dict[str, object]]) -> None:
    """Create a table of s3_exports with the columns of its rows, all text except ingest's own."""
    create(warehouse, f"s3_exports.{table}", rows, {"_row_id": "bigint", "_file_date": "date"})


def create(
    warehouse: Warehouse,
    table: str,
    rows: Sequence[dict[str, object]],
    types: Mapping[str, str],
) -> None:
    """Create a raw table with the columns of its rows, text unless `types` has another type."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    typed = ", ".join(f"{name} {types.get(name, 'text')}" for name in columns)
    schema = table.partition(".")[0]
    warehouse.execute(f"create schema if not exists {schema}; create table {table} ({typed})")
    insert(warehouse, table, [tuple(map(row.get, columns)) for row in rows])


def note_rows(
    warehouse: Warehouse, source: str, table: str, rows_by_day: Mapping[date, int], client: str
) -> None:
    """Record how many rows the vendor returned for a table by day; 0 for a day that was empty."""
    insert(
        warehouse,
        "ops.control_totals",
        [_total(client, source, table, day, "rows", count) for day, count in rows_by_day.items()],
    )


def note_list(warehouse: Warehouse, source: str, table: str, count: int) -> None:
    """Record how many rows client 713's vendor returned for a list, which is read as a whole."""
    total = ("713", source, table, "all", None, "rows", Decimal(count))
    insert(warehouse, "ops.control_totals", [(*total, LOADED_AT, True, LOADED_AT, None)])


def insert(warehouse: Warehouse, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows into any table with one statement."""
    if rows:
        mark = "?" if warehouse.target == "duckdb" else "%s"
        line = f"({', '.join([mark] * len(rows[0]))})"
        values = [value for row in rows for value in row]
        warehouse.execute(f"insert into {table} values {', '.join([line] * len(rows))}", *values)


def _total(
    client: str, source: str, table: str, day: date, measure: str, total: Decimal | int
) -> tuple[object, ...]:
    return (
        *(client, source, table, day.isoformat(), day, measure, Decimal(total)),
        *(LOADED_AT, True, LOADED_AT, None),
    )
