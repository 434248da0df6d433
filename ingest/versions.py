"""The version ledger: what was known about each row since when: `ops.<source>__<table>_versions`.

Each load appends one row for every raw row of its days that differs from the last known version in
a column that a mart reads, and one for every row that was deleted. Unchanged rows add nothing, and
nothing is ever updated: raw is the vendor's current data, this is its history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ingest.model import Pull, TableMetrics
from signalroom import clock
from signalroom.tables import METADATA
from signalroom.versioned import VERSIONED, versions_name
from signalroom.warehouse import Execute


def record(
    execute: Execute, pull: Pull, tables: Mapping[str, TableMetrics], load_id: str | None
) -> None:
    """Append what changed in the tables that were read, in one statement each."""
    for table, metrics in tables.items():
        is_versioned = f"{pull.source}.{table}" in VERSIONED
        if not is_versioned or load_id is None or not metrics.totals:
            continue
        days = [total.day for total in metrics.totals if total.day]
        execute(
            _statement(pull.source, table, by_day=bool(days)),
            {
                "client_id": pull.client_id,
                "load_id": load_id,
                "known_from": clock.now(),
                **({"first": min(days), "last": max(days)} if days else {}),
            },
        )


def pulled(
    pull: Pull, tables: Mapping[str, TableMetrics], loaded_at: datetime
) -> list[dict[str, Any]]:
    """A row for each stretch of days that a table was requested for, for `ops.pulls`."""
    rows: list[dict[str, Any]] = []
    for table, metrics in tables.items():
        days = sorted({total.day for total in metrics.totals if total.day})
        for day in days:
            if rows and rows[-1]["table_name"] == table and (day - rows[-1]["last_day"]).days == 1:
                rows[-1]["last_day"] = day
                continue
            rows.append(
                {
                    "_client_id": pull.client_id,
                    "source": pull.source,
                    "table_name": table,
                    "first_day": day,
                    "last_day": day,
                    "as_of": pull.as_of,
                    "loaded_at": loaded_at,
                    "known_from": clock.now(),
                }
            )
    return rows


def _statement(source: str, table: str, by_day: bool) -> str:
    """The insert of one table.

    A key that occurs twice in raw counts once, so that no version repeats. A column missing in raw,
    because the privacy policy drops it, is null in every version: its name then resolves to that of
    `absent`, which encloses the query of raw.
    """
    name = versions_name(f"{source}.{table}")
    key, others = (list(columns) for columns in VERSIONED[f"{source}.{table}"])
    types = METADATA.tables[name].columns
    quoted = {column: f'"{column}"' for column in (*key, *others)}
    columns = ", ".join(quoted.values())
    absent = ", ".join(
        f"cast(null as {types[column].type}) as {quoted[column]}" for column in quoted
    )
    keys = ", ".join(quoted[column] for column in key)
    removed = ", ".join(
        f"known.{quoted[column]}" if column in key else f"cast(null as {types[column].type})"
        for column in quoted
    )
    same_key = " and ".join(
        f"present.{quoted[column]} is not distinct from known.{quoted[column]}" for column in key
    )
    scope = "_client_id = :client_id"
    scope += ' and "date" between :first and :last' if by_day else ""
    return f"""
        insert into ops.{name} (_client_id, {columns}, load_id, known_from, is_removed)
        with known as (
            select {columns} from (
                select {columns}, is_removed, row_number() over (
                    partition by {keys} order by known_from desc, load_id desc
                ) as newest
                from ops.{name} where {scope}
            ) as versions where newest = 1 and not is_removed
        ),
        present as (
            select {columns} from (
                select {columns}, row_number() over (partition by {keys} order by {columns}) as copy
                from (
                    select raw.* from (select {absent}) as absent,
                    lateral (
                        select {columns} from {source}.{table} where {scope}
                    ) as raw ({columns})
                ) as rows
            ) as copies where copy = 1
        ),
        changed as (select {columns} from present except select {columns} from known)
        select :client_id, {columns}, :load_id, :known_from, false from changed
        union all
        select :client_id, {removed}, :load_id, :known_from, true from known
        where not exists (select 1 from present where {same_key})
    """  # noqa: S608  # names are ours, values are bound
