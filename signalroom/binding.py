"""SQL with `:name` parameters in the form of the warehouse's driver."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from signalroom.errors import WarehouseError
from signalroom.settings import target

Bound = tuple[str, Any]  # a statement and its values, in the driver's form


def bind(sql: str, params: Mapping[str, object]) -> Bound:
    """The statement and its values; WarehouseError for a parameter without a value."""
    is_duckdb = target() == "duckdb"
    statement, names = compiled(sql, "numeric_dollar" if is_duckdb else "pyformat")
    missing = sorted(set(names) - set(params))
    if missing:
        raise WarehouseError(f"The query lacks a value for: {', '.join(missing)}.")
    values = [params[name] for name in names]
    return statement, values if is_duckdb else dict(zip(names, values, strict=True))


@lru_cache(maxsize=64)
def compiled(sql: str, style: str) -> tuple[str, tuple[str, ...]]:
    """A statement in a driver's style, and the names of its parameters in their order.

    Remembered, because a process repeats its statements, and compiling takes longer than running
    most of them.
    """
    from sqlalchemy import text
    from sqlalchemy.engine.default import DefaultDialect

    made = text(sql).compile(dialect=DefaultDialect(paramstyle=style))  # type: ignore[arg-type]
    return str(made), tuple(made.positiontup or made.params)
