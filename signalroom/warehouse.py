"""Selects the warehouse: dlt's destination, and the readers.

dbt follows the same two variables in profiles.yml (SIGNALROOM_TARGET, SIGNALROOM_HOME).
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import select
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalroom.binding import Bound, bind
from signalroom.connecting import LIMITS, connect, give_back, take, when_full
from signalroom.errors import WarehouseError
from signalroom.machine import only_ipv6
from signalroom.paths import home, home_to_be, storage_problem
from signalroom.report_reader import read_as_reports
from signalroom.settings import number, port, report_login, require, schema_prefix, target, variable

if TYPE_CHECKING:
    from dlt.common.destination.reference import Destination

FOREIGN_WAIT_S = 60.0  # for a user's shell; our own writers take turns by their lock
BUILT_SCHEMAS = frozenset({"staging", "intermediate", "marts", "reference"})
Row = dict[str, Any]
LEAST_BYTES = 12_288  # of a DuckDB file: three headers
STATEMENT_LIMIT_MS = "600000"
# For DuckDB loads: each thread holds 120,000 rows, and two are no faster.
LOADING = {"threads": 1, "preserve_insertion_order": False}


def duckdb_path() -> Path:
    """The embedded warehouse's file; its folder is created when it is written."""
    return home_to_be() / "warehouse.duckdb"


def duckdb_exists() -> bool:
    """Whether there is an embedded warehouse; a file truncated by a full disk does not count."""
    try:
        return duckdb_path().stat().st_size >= LEAST_BYTES
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.startswith("/")


def postgres_settings(*, for_reports: bool = False) -> dict[str, str]:
    """Connection settings of PostgreSQL, in libpq's names.

    For reports it is their own login (SUPABASE_DB_REPORT_USER) if there is one.
    """
    report_user = report_login() if for_reports else None
    host = require("SUPABASE_DB_HOST")
    return {
        "host": host,
        "port": port("SUPABASE_DB_PORT"),
        "dbname": require("SUPABASE_DB_NAME"),
        "user": report_user or require("SUPABASE_DB_USER"),
        "password": require(
            "SUPABASE_DB_REPORT_PASSWORD" if report_user else "SUPABASE_DB_PASSWORD"
        ),
        "sslmode": variable("SUPABASE_DB_SSLMODE")
        or ("prefer" if is_loopback(host) else "require"),
        **LIMITS,
    }


def bound_waits(limit_s: float) -> None:
    """Limit every wait for PostgreSQL in this process, and handle signals meanwhile.

    A frozen server still accepts connections and acknowledges data, so that no network timeout is
    reached. For processes that load nothing: psycopg2 has no COPY then.
    """
    from psycopg2 import OperationalError, extensions

    def wait(connection: Any) -> None:
        give_up_at = time.monotonic() + limit_s
        while (state := connection.poll()) != extensions.POLL_OK:
            if time.monotonic() > give_up_at:
                raise OperationalError(f"no answer for {limit_s:.0f} s; is the server frozen?")
            events = select.POLLIN if state == extensions.POLL_READ else select.POLLOUT
            poller = select.poll()
            poller.register(connection.fileno(), events)
            poller.poll(500)

    extensions.set_wait_callback(wait)


@contextmanager
def postgres_connection(*, for_reports: bool = False) -> Iterator[Any]:
    """A psycopg2 connection; WarehouseError if the server is unreachable, full, or disconnects."""
    import psycopg2

    found = postgres_settings(for_reports=for_reports)
    try:
        connection = connect(found) if for_reports else take(found)
    except psycopg2.OperationalError as error:
        repair = when_full(error) or only_ipv6(found["host"], found["port"])
        raise WarehouseError(
            f"PostgreSQL at {found['host']}:{found['port']} does not answer: {first_line(error)}. "
            f"{repair or 'Check SUPABASE_DB_* and that the server runs.'}"
        ) from error
    try:
        yield connection
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not connection.closed:
            raise
        raise WarehouseError(
            f"PostgreSQL at {found['host']}:{found['port']} went away in the middle: "
            f"{first_line(error)}. Nothing that it confirmed is lost, and doing it again doubles "
            "nothing: run the same command again."
        ) from error
    finally:
        if for_reports:
            connection.close()
        else:
            give_back(connection)


@contextmanager
def duckdb_connection(read_only: bool, wait_s: float | None = None) -> Iterator[Any]:
    """A DuckDB connection; waits briefly for another process, then names it."""
    import duckdb

    path = duckdb_path()
    if not read_only:
        _create(path)
    elif not duckdb_exists():
        raise WarehouseError(f"There is no warehouse at {path} yet: `signalroom run` creates it.")
    longest = min(number("SIGNALROOM_LOCK_WAIT_S"), 1e9 if read_only else FOREIGN_WAIT_S)
    give_up_at = time.monotonic() + (longest if wait_s is None else wait_s)
    is_reader = read_only
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=is_reader)
            break
        except duckdb.ConnectionException as error:
            # A process opens it in one mode: a reader joins a writer, a writer waits for readers.
            if is_reader:
                is_reader = False
                continue
            is_reader = read_only
            if time.monotonic() > give_up_at:
                raise WarehouseError(f"{path} cannot be opened: {first_line(error)}") from error
            time.sleep(0.02)
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


def _create(path: Path) -> None:
    """Create an empty warehouse atomically; a file truncated by a full disk is replaced.

    Raises WarehouseError in one line if there is no space.
    """
    import duckdb

    if duckdb_exists():
        return
    home()
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        new.unlink(missing_ok=True)
        duckdb.connect(str(new)).close()
        if new.stat().st_size < LEAST_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(new))
        if path.exists() and not duckdb_exists():
            path.unlink()
        with suppress(FileExistsError):  # another process was first
            os.link(new, path)
    except OSError as error:
        raise WarehouseError(storage_problem(error)) from error
    except duckdb.Error as error:
        raise WarehouseError(_not_created(path, error)) from error
    finally:
        for rest in (new, new.with_name(f"{new.name}.wal")):
            with suppress(OSError):
                rest.unlink(missing_ok=True)


def _not_created(path: Path, error: Exception) -> str:
    left = shutil.disk_usage(path.parent).free / 1e6
    return (
        f"{path} cannot be created: {first_line(error)}. {left:,.1f} MB are left there; make room, "
        "then run the same command again."
    )


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return str(error).strip().split("\n", 1)[0]


def locked(path: Path, error: Exception) -> str:
    """One line about the process that holds the DuckDB file: its id, and the command it runs."""
    found = re.search(r"(?:held in (.+) \()?PID (\d+)", str(error))
    who = f"process {found.group(2)}" if found else "another process"
    if found and found.group(1):
        who += f" ({Path(found.group(1)).name})"
    return f"The warehouse {path} is open in {who}: close it there, then try again."


def schema(name: str) -> str:
    """A schema's real name: dbt's schemas have SIGNALROOM_SCHEMA_PREFIX, raw ones do not."""
    return f"{schema_prefix()}{name}" if name in BUILT_SCHEMAS else name


def dlt_destination() -> Destination[Any, Any]:
    """dlt's destination for the chosen warehouse.

    A merge deletes and inserts in one transaction, which dlt would begin only for DDL: interrupted
    in between, it would leave a gap. DuckDB gets one job at a time: commits during a checkpoint are
    new there.
    """
    from signalroom.dlt_destinations import DuckDb, Postgres

    if target() == "duckdb":
        from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

        home()
        file = DuckDbCredentials(str(duckdb_path()), global_config=dict(LOADING))
        own: Any = {"supports_transactions": True, "loader_parallelism_strategy": "sequential"}
        return DuckDb(file, **own)
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    found = postgres_settings()
    credentials = PostgresCredentials()
    credentials.host, credentials.port = found["host"], int(found["port"])
    credentials.database, credentials.username = found["dbname"], found["user"]
    credentials.password = found["password"]
    credentials.query = {"sslmode": found["sslmode"], **LIMITS}
    return Postgres(credentials, supports_transactions=True)


def read(
    sql: str,
    params: Mapping[str, object] | None = None,
    within: str = "marts",
    client_id: str | None = None,
    wait_s: float | None = None,
) -> list[Row]:
    """Rows of a query over the tables of one schema, in one short read-only transaction.

    Names are resolved in the schema `within`; values are bound. Money is returned as Decimal, dates
    as date, instants as aware datetimes. With a client, and if PostgreSQL has the role
    SIGNALROOM_REPORT_ROLE, row security limits rows to that client. Raises WarehouseError in one
    line.
    """
    return read_together({"query": sql}, params, within, client_id, wait_s)["query"]


def read_together(
    queries: Mapping[str, str],
    params: Mapping[str, object] | None = None,
    within: str = "marts",
    client_id: str | None = None,
    wait_s: float | None = None,
) -> dict[str, list[Row]]:
    """Rows of several queries by name, all from one snapshot; otherwise like `read`.

    Each query uses the parameters that it names.
    """
    bound = {name: bind(sql, params or {}) for name, sql in queries.items()}
    if target() == "duckdb":
        return _read_duckdb(bound, schema(within), wait_s)
    return _read_postgres(bound, schema(within), client_id)


def _read_duckdb(
    queries: Mapping[str, Bound], within: str, wait_s: float | None
) -> dict[str, list[Row]]:
    import duckdb

    found: dict[str, list[Row]] = {}
    with duckdb_connection(read_only=True, wait_s=wait_s) as connection:
        name = ""
        try:
            connection.execute(f"set search_path = '{within}'")
            connection.begin()
            for name, (statement, values) in queries.items():
                cursor = connection.execute(statement, values)
                columns = [column[0] for column in cursor.description or []]
                found[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise WarehouseError(_query_failure(name, within, error)) from error
    return found


def _read_postgres(
    queries: Mapping[str, Bound], within: str, client_id: str | None
) -> dict[str, list[Row]]:
    import psycopg2
    from psycopg2.extras import RealDictCursor

    found: dict[str, list[Row]] = {}
    with postgres_connection(for_reports=client_id is not None) as connection:
        name = ""
        try:
            # A transaction pooler keeps a transaction on one connection.
            with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
                cursor.execute("set transaction isolation level repeatable read, read only")
                cursor.execute(
                    "select set_config('search_path', %s, true), "
                    "set_config('TimeZone', 'UTC', true), "
                    "set_config('statement_timeout', %s, true)",
                    [within, STATEMENT_LIMIT_MS],
                )
                if client_id is not None:
                    read_as_reports(cursor, client_id)
                for name, (statement, values) in queries.items():
                    cursor.execute(statement, values)
                    found[name] = [dict(row) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            raise WarehouseError(_query_failure(name, within, error)) from error
    return found


Execute = Callable[..., list[Row]]


@contextmanager
def transaction() -> Iterator[Execute]:
    """One writing transaction; yields `execute(sql, params)` for SQL with `:name` parameters.

    Names must include the schema. An error inside rolls everything back.
    """
    if target() == "duckdb":
        with duckdb_connection(read_only=False) as connection:
            connection.begin()

            def execute_duckdb(sql: str, params: Mapping[str, object] | None = None) -> list[Row]:
                cursor = connection.execute(*bind(sql, params or {}))
                names = [column[0] for column in cursor.description or []]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

            yield execute_duckdb
            connection.commit()
        return
    from psycopg2.extras import RealDictCursor

    with (
        postgres_connection() as connection,
        connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        cursor.execute("select set_config('statement_timeout', %s, true)", [STATEMENT_LIMIT_MS])

        def execute_postgres(sql: str, params: Mapping[str, object] | None = None) -> list[Row]:
            cursor.execute(*bind(sql, params or {}))
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

        yield execute_postgres


def _query_failure(name: str, within: str, error: Exception) -> str:
    which = "The query" if name in ("", "query") else f"The query {name!r}"
    return f"{which} over schema {within} failed: {first_line(error)}. Has it been built?"
