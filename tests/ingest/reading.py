"""Test helpers: read a source without a warehouse, and a table as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ingest import registry
from ingest.columns import EXACT
from ingest.model import Pull, TableMetrics, Tables, Window
from signalroom import clock
from signalroom.errors import SignalRoomError
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
        resources=found.chosen(client_id, resources),
        say=said.append,
        notice=said.append,
        source=source,
    )


@dataclass
class Landed(TableMetrics):
    """One table as dlt would receive it; `failures` are those of the other tables."""

    rows: list[Any] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)


def extract(pull: Pull, source: str) -> dict[str, Landed]:
    """Every row of a pull's tables; tables that failed are not included."""
    made = registry.source(source).dlt_source(replace(pull, source=source, tables=Tables()))
    landed: dict[str, Landed] = {}
    failed: dict[str, TableMetrics] = {}
    for name, resource in made.selected_resources.items():
        try:
            rows = dicts(resource)
        except Exception as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, SignalRoomError):
                cause = cause.__cause__
            raise cause or error from None
        if "totals" in resource.custom_metrics:
            metrics = TableMetrics.of(resource.custom_metrics)
            if metrics.failure is None:
                landed[name] = Landed(**vars(metrics), rows=rows, columns=resource.columns)
            else:
                failed[name] = metrics
    lines = [
        f"{table} keeps its rows: {one.failure.message}"
        for table, one in failed.items()
        if one.failure
    ]
    if failed and not landed:
        table, one = next(iter(failed.items()))
        assert one.failure
        raise one.failure.as_error(table)
    if landed:
        next(iter(landed.values())).failures += lines
    return landed


def rows_of(landing: Landed) -> list[dict[str, Any]]:
    """The table's rows without tombstones."""
    return [dict(row) for row in landing.rows if not row.get("_deleted")]


def dicts(given: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows, including those in Arrow tables, with each value in Python's shortest form."""
    rows: list[dict[str, Any]] = []
    for part in given:
        rows += part.to_pylist() if isinstance(part, pa.Table) else [part]
    return [{name: _short(value) for name, value in row.items()} for row in rows]


def _short(value: Any) -> Any:
    """Undo Arrow's forms: another name for the UTC zone, and amounts with 18 decimals."""
    if isinstance(value, Decimal):
        return Decimal(f"{EXACT.normalize(value):f}")
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def stored(
    warehouse: Warehouse, table: str, columns: Sequence[str], where: str = "true"
) -> list[dict[str, Any]]:
    """Rows of a raw table."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    found = warehouse.rows(f"select {quoted} from {table} where {where}")
    return [dict(zip(columns, row, strict=True)) for row in found]


def plain(rows: Rows, columns: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Rows as comparable values, regardless of their order and the notation of numbers."""
    return Counter(tuple(_plain(row.get(column)) for column in columns) for row in rows)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else repr(value)
