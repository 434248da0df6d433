"""A scratch warehouse: the product's own models on some raw rows, in a separate DuckDB file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
# the inputs of daily_performance; these too if links map spend
RAW = ("everflow.daily_stats", "redtrack.daily_spend")
CAMPAIGNS = "redtrack.campaign_spend"
LISTS = ("redtrack.offers", "everflow.affiliates", "everflow.advertisers", "everflow.offers")
CODES = "everflow.tracking_codes"
NO_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")

# raw and ledger tables that it can hold, with their columns
TABLES: dict[str, dict[str, str]] = {
    "everflow.daily_stats": {
        "_client_id": "text", "date": "date", "affiliate_id": "bigint", "affiliate_label": "text",
        "advertiser_id": "bigint", "advertiser_label": "text", "clicks": "bigint",
        "conversions": "bigint", "revenue": "decimal", "payout": "decimal",
    },
    "redtrack.daily_spend": {
        "_client_id": "text", "date": "date", "source_id": "text", "source_name": "text",
        "source_alias": "text", "clicks": "bigint", "conversions": "bigint", "cost": "decimal",
    },
    "redtrack.campaign_spend": {
        "_client_id": "text", "date": "date", "source_id": "text", "source_name": "text",
        "source_alias": "text", "campaign_id": "text", "campaign_name": "text", "offer_id": "text",
        "offer_name": "text", "clicks": "bigint", "conversions": "bigint", "cost": "decimal",
    },
    "redtrack.offers": {"_client_id": "text", "id": "text", "title": "text", "url": "text"},
    "everflow.affiliates": {"_client_id": "text", "network_affiliate_id": "bigint", "name": "text"},
    "everflow.advertisers": {
        "_client_id": "text", "network_advertiser_id": "bigint", "name": "text",
    },
    "everflow.offers": {
        "_client_id": "text", "network_offer_id": "bigint", "network_advertiser_id": "bigint",
        "name": "text",
    },
    "everflow.tracking_codes": {
        "_client_id": "text", "kind": "text", "id": "bigint", "code": "text",
    },
    "ops.control_totals": {
        "_client_id": "text", "source": "text", "table_name": "text", "partition_key": "text",
        "day": "date", "measure": "text", "total": "decimal", "as_of": "instant",
        "is_closed": "boolean", "loaded_at": "instant",
    },
    "ops.sources": {
        "_client_id": "text", "source": "text", "state": "text", "since": "instant",
        "until": "instant", "reason": "text",
    },
}  # fmt: skip


def columns(table: str) -> str:
    """The columns of a table, as a list for a query."""
    return ", ".join(TABLES[table])


def fill(home: Path, tables: Mapping[str, Sequence[Row]]) -> Path:
    """A new warehouse in `home` with the rows of these tables; the path of its file."""
    import duckdb
    import pyarrow as pa

    kinds = {
        "text": pa.string(), "date": pa.date32(), "bigint": pa.int64(), "boolean": pa.bool_(),
        "decimal": pa.decimal128(38, 18), "instant": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    file = home / "warehouse.duckdb"
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as connection:
        for table, rows in tables.items():
            schema = pa.schema([(name, kinds[kind]) for name, kind in TABLES[table].items()])
            listed = [{name: row[name] for name in TABLES[table]} for row in rows]
            connection.register("loaded", pa.Table.from_pylist(listed, schema))
            connection.execute(f"create schema if not exists {table.partition('.')[0]}")
            connection.execute(f"create table {table} as select * from loaded")  # noqa: S608
            connection.unregister("loaded")
    return file


def rows_of(home: Path, sql: str) -> list[dict[str, Any]]:
    """The result of a query on the scratch warehouse."""
    import duckdb

    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
