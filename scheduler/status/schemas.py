"""Raw tables on given days: their columns with types, and how many rows fill them.

dlt keeps every version of a source's schema next to its tables; a column that a vendor omits shows
only in the rows. The rule `schema` checks both.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from ingest.registry import NAMES
from reports.alerts.rules.history import TableDay, Tables
from signalroom import clock, warehouse

DAY_COLUMNS = ("date", "_file_date")  # column to count a table's rows by, if it has one
ANY = "main"  # every name below is qualified with its schema
COLUMNS = """
select table_schema, table_name, column_name
from information_schema.columns
where table_catalog = current_database() and left(table_name, 4) <> '_dlt'
order by table_schema, table_name, ordinal_position
"""
VERSION_TABLES = """
select table_schema
from information_schema.tables
where table_catalog = current_database() and table_name = '_dlt_version'
"""


@dataclass
class _Versions:
    """Types by table and column, in each version of a source's schema."""

    since: list[datetime] = field(default_factory=list)
    types: list[Mapping[str, Mapping[str, str]]] = field(default_factory=list)

    def on(self, day: date, table: str) -> Mapping[str, str]:
        """As of the end of the day; before the first version, as in that one."""
        before = bisect_left(self.since, clock.midnight(day + timedelta(days=1)))
        return self.types[max(before - 1, 0)].get(table, {}) if self.types else {}


def read_tables(days: Sequence[date], clients: Collection[str]) -> Mapping[str, Tables]:
    """By client, raw table and day; WarehouseError if the warehouse cannot be read."""
    columns: dict[str, list[str]] = {}
    for row in warehouse.read(COLUMNS, within=ANY):
        if row["table_schema"] in NAMES:
            name = f"{row['table_schema']}.{row['table_name']}"
            columns.setdefault(name, []).append(row["column_name"])
    columns = {name: found for name, found in columns.items() if "_client_id" in found}
    versions = _read_versions()
    queries = {name: _counts(name, found, len(days)) for name, found in columns.items()}
    given = {f"day_{number}": day for number, day in enumerate(days)}
    dated = {name: query for name, query in queries.items() if query}
    counted = warehouse.read_together(dated, given, within=ANY) if dated else {}
    result: dict[str, dict[str, dict[date, TableDay]]] = {one: {} for one in clients}
    for name, found in columns.items():
        source, _, table = name.partition(".")
        known = versions.get(source, _Versions())
        rows = {(row["_client_id"], row["day"]): row for row in counted.get(name, ())}
        for client_id in clients:
            mine = [day for day in days if (client_id, day) in rows or not queries[name]]
            result[client_id][name] = {
                day: _table_day(rows.get((client_id, day)), found, known.on(day, table))
                for day in mine
            }
    return result


def _table_day(
    row: Mapping[str, Any] | None, columns: Sequence[str], types: Mapping[str, str]
) -> TableDay:
    if row is None:
        return TableDay(0, {}, types)
    filled = {
        column: int(row[f"filled_{number}"])
        for number, column in enumerate(columns)
        if not column.startswith("_")
    }
    return TableDay(int(row["rows"]), filled, types)


def _counts(name: str, columns: Sequence[str], days: int) -> str:
    """Rows and filled columns by client and day; empty for a table that has no days."""
    day = next((one for one in DAY_COLUMNS if one in columns), None)
    if day is None:
        return ""
    quoted = ".".join(f'"{part}"' for part in name.split("."))
    counts = ", ".join(
        f'count("{column}") as filled_{number}' for number, column in enumerate(columns)
    )
    marks = ", ".join(f":day_{number}" for number in range(days))
    return (
        f"select _client_id, {day} as day, count(*) as rows, {counts} from {quoted}"  # noqa: S608
        f" where {day} in ({marks}) group by 1, 2"
    )


def _read_versions() -> dict[str, _Versions]:
    kept = [row["table_schema"] for row in warehouse.read(VERSION_TABLES, within=ANY)]
    queries = {
        source: f'select inserted_at, "schema" from {source}._dlt_version'  # noqa: S608
        f" where schema_name = '{source}' order by inserted_at"
        for source in kept
        if source in NAMES
    }
    ahead = clock.now() - clock.instant()  # in rehearsals
    found: dict[str, _Versions] = {}
    for source, rows in warehouse.read_together(queries, within=ANY).items() if queries else ():
        versions = found[source] = _Versions()
        for row in rows:
            versions.since.append(row["inserted_at"] + ahead)
            versions.types.append(_types(json.loads(row["schema"])))
    return found


def _types(schema: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {
        table: {
            name: str(column["data_type"])
            for name, column in found["columns"].items()
            if "data_type" in column and not name.startswith("_")
        }
        for table, found in schema["tables"].items()
    }
