"""A warehouse of years: the pulls of a simulated month, repeated for earlier days.

The rows are in the raw tables and in `ops` as if pulls had loaded them, so that every test of the
marts passes. PostgreSQL only.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.warehouse import Warehouse

DAILY = ("everflow", "redtrack", "posthog", "mautic")
ORDERS = ("orders_create", "orders_update", "prospects_create")
COLUMNS = (
    "select table_schema, table_name, column_name, data_type from information_schema.columns"
    " where table_schema in ('everflow', 'redtrack', 'posthog', 'mautic', 's3_exports', 'ops')"
    " order by table_schema, table_name, ordinal_position"
)
# Names with unique values: each copy gets a new one. Ids of orders remain numbers.
NAMES = frozenset({"_dlt_id", "uuid", "conversion_id", "transaction_id", "tracking_hash"})
NUMBERS = frozenset({"network_reporting_adjustment_id"})
OF_ORDERS = frozenset({"orders_id", "parent_order_id", "ancestor_id", "prospects_id"})
US_DATES = frozenset({"order_date", "refund_date", "chargeback_date", "void_date"})
OPS = ("control_totals", "pulls")

Columns = dict[str, str]  # name -> type


@dataclass(frozen=True)
class Growth:
    """`blocks` times the existing days, each with this many times the rows."""

    blocks: int
    orders: int = 1
    events: int = 1


def grow(warehouse: Warehouse, growth: Growth) -> None:
    """Multiply the loaded rows; a full build must follow."""
    tables: dict[tuple[str, str], Columns] = {}
    for schema, table, column, kind in warehouse.rows(COLUMNS):
        tables.setdefault((schema, table), {})[column] = kind
    [(days,)] = warehouse.rows(
        "select max(day) - min(day) + 1 from ops.control_totals where source = 'everflow'"
    )
    statements = [*_totals_of_copies(growth)]
    for (schema, table), columns in tables.items():
        if schema == "s3_exports" and table in ORDERS:
            statements.append(_copied(schema, table, columns, growth.blocks, growth.orders, days))
        elif schema in DAILY and "date" in columns:
            copies = growth.events if (schema, table) == ("posthog", "events") else 1
            statements.append(_copied(schema, table, columns, growth.blocks, copies, days))
        elif schema == "ops" and (
            table in OPS or (table.endswith("_versions") and "date" in columns)
        ):
            statements.append(_copied(schema, table, columns, growth.blocks, 1, days))
    statements.append(
        "update ops.loads set window_start ="
        f" window_start - {(growth.blocks - 1) * days} where window_start is not null"
    )
    for statement in statements:
        warehouse.execute(statement)
    for schema, table in tables:
        warehouse.execute(f"analyze {schema}.{table}")


def _totals_of_copies(growth: Growth) -> list[str]:
    """Recorded as loaded again: incremental models read a file or a day again only then."""
    again = "loaded_at = loaded_at + interval '1 second'"
    return [
        f"update ops.control_totals set total = total * {growth.orders}, {again}"
        " where source = 's3_exports'",
        f"update ops.control_totals set total = total * {growth.events}, {again}"
        " where source = 'posthog' and table_name = 'events'",
    ]


def _copied(schema: str, table: str, columns: Columns, blocks: int, copies: int, days: int) -> str:
    made = ", ".join(_shifted(schema, table, name, kind, days) for name, kind in columns.items())
    names = ", ".join(f'"{name}"' for name in columns)
    # lists are not multiplied: their totals belong to no day
    parts = " and (day is not null or source = 's3_exports')" if table == "control_totals" else ""
    return (
        f"insert into {schema}.{table} ({names}) select {made} from {schema}.{table} as base,"
        f" generate_series(0, {blocks - 1}) as block, generate_series(0, {copies - 1}) as copy"
        f" where block + copy > 0{parts}"
    )


def _shifted(schema: str, table: str, name: str, kind: str, days: int) -> str:
    column = f'base."{name}"'
    back = f"block * {days}"
    if name in NAMES or (table == "conversions" and name == "id"):
        return f"{column} || '-' || block || '-' || copy"
    if name in NUMBERS or (table == "email_stats" and name == "id"):
        return f"{column} + block * 10000000000"
    if name == "_row_id":
        return f"{column} + copy * 1000000"
    if name in ("partition_key", "_file_name"):
        by_day = f"when day is not null then (day - {back})::text " if name != "_file_name" else ""
        renamed = f"replace({column}, '/', '/' || block || '-')"
        return f"case {by_day}when block = 0 then {column} else {renamed} end"
    if schema == "s3_exports" and name in OF_ORDERS:
        number = f"{column}::numeric + (block * 1000 + copy) * 100000000::numeric"
        return f"case when {column} ~ '^[1-9][0-9]*$' then ({number})::text else {column} end"
    if schema == "s3_exports" and name in US_DATES:
        shifted = f"to_char(to_date({column}, 'MM/DD/YYYY') - {back}, 'MM/DD/YYYY')"
        return f"case when {column} ~ '^\\d\\d/\\d\\d/\\d{{4}}$' then {shifted} else {column} end"
    if kind == "date":
        return f"{column} - {back}"
    if kind.startswith("timestamp") and name not in ("loaded_at", "as_of"):
        return f"{column} - {back} * interval '1 day'"
    return column
