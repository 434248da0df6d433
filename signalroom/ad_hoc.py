"""Ad hoc SQL over the marts: one statement, read only, limited in time and rows."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.paths import home
from signalroom.report_reader import read_as_reports
from signalroom.settings import report_role, require, target
from signalroom.warehouse import (
    duckdb_path,
    first_line,
    locked,
    postgres_connection,
    schema,
)

SECONDS = 30
ROWS = 10_000
# What could reveal another client's rows: settings, also through dynamic SQL.
SETTINGS = re.compile(
    r"\bset_config\b|\bset\s+(role|session)\b|\breset\b|\b\w+_to_xml\w*\b|\bts_(stat|rewrite)\b"
    r"|\bdblink\w*\b|\bu&\"",
    re.IGNORECASE,
)
# Accepts exactly one statement that returns rows, as parsed by the server itself.
OPEN = """
do $$
declare answer refcursor := 'answer';
begin open answer for execute current_setting('signalroom.sql'); end $$
"""


@dataclass(frozen=True)
class Answer:
    """The rows of a query; `is_cut` when there were more than ROWS."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_cut: bool


def ask(sql: str, client_id: str | None = None) -> Answer:
    """The result of one statement, with names resolved in the marts; with a client, only its rows.

    On DuckDB the published copy of the marts is used while another process writes to the warehouse.
    Raises WarehouseError in one line.
    """
    statement = sql.strip().rstrip(";").strip()
    if not statement:
        raise ConfigurationError('There is no query: write `signalroom query "select ..."`.')
    if client_id and SETTINGS.search(statement):
        raise ConfigurationError("With --client a query changes no settings and makes up no SQL.")
    return (
        _ask_duckdb(statement, client_id)
        if target() == "duckdb"
        else _ask_postgres(statement, client_id)
    )


def _ask_postgres(sql: str, client_id: str | None) -> Answer:
    import psycopg2

    with postgres_connection(for_reports=client_id is not None) as connection:
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("set transaction read only")
                cursor.execute(
                    "select set_config('search_path', %s, true),"
                    " set_config('statement_timeout', %s, true),"
                    " set_config('TimeZone', 'UTC', true), set_config('signalroom.sql', %s, true)",
                    [schema("marts"), f"{SECONDS}s", sql],
                )
                if client_id:
                    _read_as_reports(connection, client_id)
                cursor.execute(OPEN)
                cursor.execute(f"fetch {ROWS + 1} from answer")
                names = tuple(column[0] for column in cursor.description or ())
                return _answer(names, cursor.fetchall())
        except psycopg2.Error as error:
            raise WarehouseError(f"The query failed: {first_line(error)}.") from error


def _read_as_reports(connection: Any, client_id: str) -> None:
    from psycopg2.extras import RealDictCursor

    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        read_as_reports(cursor, client_id)
        cursor.execute("select current_user as reader")
        if cursor.fetchone()["reader"] == require("SUPABASE_DB_USER"):
            raise WarehouseError(
                f"The role {report_role()} is missing: `signalroom build` creates it."
            )


def _ask_duckdb(sql: str, client_id: str | None) -> Answer:
    import duckdb

    with _attached(client_id) as connection:
        timer = threading.Timer(SECONDS, connection.interrupt)
        timer.start()
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1:
                raise WarehouseError("The query failed: write one statement.")
            cursor = connection.execute(statements[0])
            names = tuple(column[0] for column in cursor.description or ())
            return _answer(names, cursor.fetchmany(ROWS + 1))
        except duckdb.InterruptException as error:
            raise WarehouseError(f"The query took longer than {SECONDS} seconds.") from error
        except duckdb.Error as error:
            raise WarehouseError(f"The query failed: {_with_hint(error)}") from error
        finally:
            timer.cancel()


def _with_hint(error: Exception) -> str:
    """The first line, and DuckDB's suggestions for names."""
    meant = [
        one for one in str(error).splitlines() if one.startswith(("Did you mean", "Candidate"))
    ]
    return " ".join([first_line(error), *meant[:1]])


@contextmanager
def _attached(client_id: str | None) -> Iterator[Any]:
    """An in-memory connection with read-only access to the warehouse, and to no other file."""
    import duckdb

    connection = duckdb.connect()
    try:
        _attach(connection)
        connection.execute("set TimeZone = 'UTC'")
        marts = schema("marts")
        if client_id is None:
            connection.execute(f"set search_path = 'warehouse.{marts}'")
        else:
            _show_only(connection, marts, client_id)
            connection.execute(f"set search_path = 'memory.{marts}'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    except duckdb.Error as error:
        raise WarehouseError(f"The query failed: {first_line(error)}") from error
    finally:
        connection.close()


def _attach(connection: Any) -> None:
    """Attach the warehouse, or its published copy while another process writes to it."""
    import duckdb

    path, copy = duckdb_path(), home() / "marts.duckdb"
    if not path.exists():
        raise WarehouseError(f"There is no warehouse at {path} yet: `signalroom run` creates it.")
    attach = "attach '{}' as warehouse (read_only)"
    try:
        connection.execute(attach.format(str(path).replace("'", "''")))
    except duckdb.IOException as error:
        if not copy.exists():
            raise WarehouseError(locked(path, error)) from error
        connection.execute(attach.format(str(copy).replace("'", "''")))


def _show_only(connection: Any, marts: str, client_id: str) -> None:
    """Views of the marts with one client's rows, under the same names."""
    names = connection.execute(
        "select table_name from information_schema.columns where table_catalog = 'warehouse'"
        " and table_schema = ? and column_name = '_client_id'",
        [marts],
    ).fetchall()
    connection.execute(f'create schema "{marts}"')
    quoted = client_id.replace("'", "''")
    for (name,) in names:
        connection.execute(
            f'create view "{marts}"."{name}" as select * from warehouse."{marts}"."{name}"'  # noqa: S608
            f" where _client_id = '{quoted}'"
        )


def _answer(names: tuple[str, ...], rows: list[Any]) -> Answer:
    return Answer(names, [tuple(row) for row in rows[:ROWS]], len(rows) > ROWS)
