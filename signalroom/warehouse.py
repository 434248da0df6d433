"""The one place that chooses the warehouse: dlt's destination, the readers, the state database.

dbt follows the same two variables in profiles.yml (SIGNALROOM_TARGET, SIGNALROOM_HOME).
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalroom.errors import WarehouseError
from signalroom.settings import home, require, schema_prefix, target, variable

if TYPE_CHECKING:
    from dlt.common.destination import AnyDestination
    from sqlalchemy import Engine

BUILT_SCHEMAS = frozenset({"staging", "intermediate", "marts", "reference"})
LOCK_WAIT_S = 15.0
Row = dict[str, Any]


def duckdb_path() -> Path:
    """The embedded warehouse's file."""
    return home() / "warehouse.duckdb"


def schema(name: str) -> str:
    """A schema's real name: what dbt builds carries SIGNALROOM_SCHEMA_PREFIX, raw does not."""
    return f"{schema_prefix()}{name}" if name in BUILT_SCHEMAS else name


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


def dlt_destination() -> AnyDestination:
    """dlt's destination for the chosen warehouse."""
    import dlt

    if target() == "duckdb":
        return dlt.destinations.duckdb(str(duckdb_path()))
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    found = postgres_settings()
    credentials = PostgresCredentials()
    credentials.host, credentials.port = found["host"], int(found["port"])
    credentials.database, credentials.username = found["dbname"], found["user"]
    credentials.password = found["password"]
    credentials.query = {"sslmode": found["sslmode"]}
    return dlt.destinations.postgres(credentials)


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


def read(sql: str, params: Mapping[str, object] | None = None, within: str = "marts") -> list[Row]:
    """Rows of a query over the tables of one schema, in one short read-only transaction.

    Names are resolved in the schema `within`; values are bound, never pasted. Money comes as
    Decimal, dates as date, instants as aware datetimes. Raises WarehouseError in one line.
    """
    statement, values = bind(sql, params or {})
    reader = _read_duckdb if target() == "duckdb" else _read_postgres
    return reader(statement, values, schema(within))


def _read_duckdb(statement: str, values: Sequence[object], within: str) -> list[Row]:
    import duckdb

    with duckdb_connection(read_only=True) as connection:
        try:
            connection.execute(f"set search_path = '{within}'")
            cursor = connection.execute(statement, values)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise WarehouseError(_query_failure(within, error)) from error


def _read_postgres(statement: str, values: Mapping[str, object], within: str) -> list[Row]:
    import psycopg2
    from psycopg2.extras import RealDictCursor

    with postgres_connection() as connection:
        try:
            # The transaction is the unit that also a transaction pooler keeps together.
            with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
                cursor.execute("set transaction read only")
                cursor.execute(
                    "select set_config('search_path', %s, true), "
                    "set_config('TimeZone', 'UTC', true)",
                    [within],
                )
                cursor.execute(statement, values)
                return [dict(row) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            raise WarehouseError(_query_failure(within, error)) from error


def _query_failure(within: str, error: Exception) -> str:
    first_line = str(error).strip().split("\n", 1)[0]
    return f"The query over schema {within} failed: {first_line}. Has `signalroom build` run?"


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
def duckdb_connection(read_only: bool) -> Iterator[Any]:
    """A DuckDB connection; waits a little for another process, then names it."""
    import duckdb

    path = duckdb_path()
    if read_only and not path.exists():
        raise WarehouseError(f"There is no warehouse at {path} yet: `signalroom run` makes it.")
    give_up_at = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config={"TimeZone": "UTC"})
            break
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise WarehouseError(f"{path} cannot be opened: {first_line(error)}") from error
            if time.monotonic() > give_up_at:
                raise WarehouseError(locked(path, error)) from error
            time.sleep(0.2)
    try:
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


def state_engine() -> Engine:
    """Engine of the database for run history and outbox.

    On postgres the warehouse itself (schema `ops`); on duckdb an SQLite file beside it, since
    DuckDB admits one writing process only.
    """
    from sqlalchemy import URL, create_engine

    if target() == "duckdb":
        return create_engine(f"sqlite:///{home() / 'state.sqlite'}")
    found = postgres_settings()
    url = URL.create(
        "postgresql+psycopg2",
        username=found["user"],
        password=found["password"],
        host=found["host"],
        port=int(found["port"]),
        database=found["dbname"],
        query={"sslmode": found["sslmode"], "connect_timeout": found["connect_timeout"]},
    )
    return create_engine(url, pool_pre_ping=True)
