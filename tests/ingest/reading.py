"""Helps tests read: a source without a warehouse, a table as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ingest import pull as pipeline
from ingest import registry
from ingest.landing import Landing, Pull, Window
from signalroom import clock
from tests.support.warehouse import Warehouse

Rows = Iterable[Mapping[str, Any]]


def pull_of(
    source: str,
    client_id: str = "713",
    window: Window | None = None,
    resources: tuple[str, ...] = (),
    said: list[str] | None = None,
) -> Pull:
    """A pull that needs no warehouse; its progress and its notices go to `said`."""
    found = registry.source(source)
    said = said if said is not None else []
    return Pull(
        client_id=client_id,
        window=window or Window(clock.today(), clock.today()),
        as_of=clock.now(),
        resources=pipeline.choose_tables(found, client_id, resources),
        say=said.append,
        notice=said.append,
    )


def extract(pull: Pull, source: str) -> dict[str, Landing]:
    """The landings of a pull by table, every row read."""
    landings = {landing.table: landing for landing in registry.source(source).extract(pull)}
    for landing in landings.values():
        landing.rows = list(landing.rows)
    return landings


def rows_of(landing: Landing) -> list[dict[str, Any]]:
    """The landing's rows without tombstones, out of Arrow tables too."""
    rows: list[Mapping[str, Any]] = []
    for part in landing.rows:
        rows += part.to_pylist() if isinstance(part, pa.Table) else [part]
    return [dict(row) for row in rows if not row.get("_deleted")]


def stored(
    warehouse: Warehouse, table: str, columns: Sequence[str], where: str = "true"
) -> list[dict[str, Any]]:
    """Rows of a raw table."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    found = warehouse.rows(f"select {quoted} from {table} where {where}")
    return [dict(zip(columns, row, strict=True)) for row in found]


def plain(rows: Rows, columns: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Rows as comparable values, whatever their order and their numbers' notation."""
    return Counter(tuple(_plain(row.get(column)) for column in columns) for row in rows)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else repr(value)
