"""Connections to the two warehouses, and the form in which each takes parameters."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from signalroom.errors import WarehouseError
from signalroom.settings import home, require, target, variable


def duckdb_path() -> Path:
    """The embedded warehouse's file."""
    return home() / "warehouse.duckdb"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith("/")


def postgres_settings() -> dict[str, str]:
    """Connection settings of PostgreSQL, in libpq's names."""
    host = require("SUPABASE_DB_HOST")
    return {
        "host": host,
        "port": require("SUPABASE_DB_PORT"),
        "dbname": require("SUPABASE_DB_NAME"),
        "user": require("SUPABASE_DB_USER"),
        "password": require("SUPABASE_DB_PASSWORD"),
        "sslmode": variable("SUPABASE_DB_SSLMODE")
        or ("prefer" if _is_loopback(host) else "require"),
        "connect_timeout": "15",
    }


def bind(sql: str, params: Mapping[str, object]) -> tuple[str, Any]:
    """SQL with `:name` parameters in the form that the warehouse's driver takes.

    Raises WarehouseError for a parameter without a value.
    """
    from sqlalchemy import text
    from sqlalchemy.engine.default import DefaultDialect

    style = "numeric_dollar" if target() == "duckdb" else "pyformat"
    compiled = text(sql).compile(dialect=DefaultDialect(paramstyle=style))  # type: ignore[arg-type]
    missing = sorted(set(compiled.params) - set(params))
    if missing:
        raise WarehouseError(f"The query lacks a value for: {', '.join(missing)}.")
    if target() == "duckdb":
        return str(compiled), [params[name] for name in compiled.positiontup or []]
    return str(compiled), {name: params[name] for name in compiled.params}


@contextmanager
def postgres_connection() -> Iterator[Any]:
    """A psycopg2 connection; WarehouseError where the server is away."""
    import psycopg2

    found = postgres_settings()
    try:
        connection = psycopg2.connect(**found)
    except psycopg2.OperationalError as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise WarehouseError(
            f"PostgreSQL at {found['host']}:{found['port']} does not answer: {reason}. "
            "Check SUPABASE_DB_* and that the server runs."
        ) from error
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def duckdb_connection(read_only: bool, wait_s: float | None = None) -> Iterator[Any]:
    """A DuckDB connection; waits a little for another process, then names it."""
    import duckdb

    path = duckdb_path()
    if read_only and not path.exists():
        raise WarehouseError(f"There is no warehouse at {path} yet: `signalroom run` makes it.")
    give_up_at = time.monotonic() + (
        float(require("SIGNALROOM_LOCK_WAIT_S")) if wait_s is None else wait_s
    )
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only)
            break
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise WarehouseError(f"{path} cannot be opened: {first_line(error)}") from error
            if time.monotonic() > give_up_at:
                raise WarehouseError(locked(path, error)) from error
            time.sleep(0.2)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return str(error).strip().split("\n", 1)[0]


def locked(path: Path, error: Exception) -> str:
    """One line on who holds the DuckDB file."""
    holder = re.search(r"PID (\d+)", str(error))
    who = f"process {holder.group(1)}" if holder else "another process"
    return f"The warehouse {path} is open in {who}: close it there, then try again."
