"""The freshness of each source, and the number of open dead letters, kept in the run database.

Written at each pull and after each build, so that status and page can always show it: on DuckDB the
warehouse cannot be read while another process writes to it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from scheduler.schedule import Job, last_due
from signalroom import clock, run_database
from signalroom.clients import active_clients
from signalroom.errors import SignalRoomError, WarehouseError
from signalroom.settings import target
from signalroom.tables import FILE_PROBLEMS, OPEN_DEAD_LETTERS, SOURCE_FRESHNESS
from signalroom.warehouse import duckdb_connection, duckdb_exists, first_line, postgres_connection
from signalroom.watch_tables import DEAD_LETTER_CAUSES

log = logging.getLogger("scheduler")
Queried = tuple[list[Any], list[Any], list[Any], list[Any], list[Any], bool]
WAIT_S = 1.0  # for another process that has the DuckDB file open
TABLES = (
    "select table_name from information_schema.tables where table_schema = 'ops'"
    " and table_name in ('loads', 'dead_letters', 'file_ledger', 'sources', 'origin')"
)
LOADS = "select _client_id, source, table_name, max(as_of) from ops.loads group by 1, 2, 3"
LETTERS = (
    "select _client_id, source, count(*) from ops.dead_letters where resolved_at is null"
    " group by 1, 2 order by 1, 2"
)
# Removes what differs between letters with the same cause: quoted text, uuids, and numbers.
CAUSES = """
select
    _client_id, source, table_name,
    regexp_replace(
        regexp_replace(
            regexp_replace(reason, '''[^'']*''', '#', 'g'),
            '[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}', '#', 'g'
        ),
        '[0-9][0-9,.:-]*', '#', 'g'
    ) as cause,
    cast((created_at + interval '{ahead} seconds') at time zone '{zone}' as date) as day,
    count(*) as letters,
    count(*) - count(resolved_at) as open_letters,
    max(created_at) as last_at
from ops.dead_letters
group by 1, 2, 3, 4, 5
"""
FILES = (
    "select _client_id, source, table_name, file_name, status, reason from ops.file_ledger"
    " where status in ('refused', 'waiting', 'unreadable') or (status = 'loaded' and reason <> '')"
)
SOURCES = "select _client_id, source, state from ops.sources"
ORIGIN = "select origin from ops.origin"


@dataclass(frozen=True)
class SourceFreshness:
    """The freshness of a client's source: when its oldest table was pulled (business time, UTC).

    `as_of` is None for one that is on and was never loaded. `due_at` is by when it should have been
    pulled by schedule; None if no job has the source.
    """

    client_id: str
    source: str
    table: str
    as_of: datetime | None
    due_at: datetime | None
    state: str = "on"

    @property
    def is_late(self) -> bool:
        """Whether it missed a time at which it was due; a paused one is never late."""
        if self.due_at is None or self.state != "on":
            return False
        return self.as_of is None or self.as_of < self.due_at


@dataclass(frozen=True)
class OpenLetters:
    """How many dead letters of a client's source are open."""

    client_id: str
    source: str
    count: int


@dataclass(frozen=True)
class FileProblem:
    """A file that was not loaded, or loaded with unreadable values, until it is replaced.

    `status` is refused, waiting, unreadable or loaded.
    """

    client_id: str
    source: str
    table: str
    file_name: str
    status: str
    reason: str


@dataclass(frozen=True)
class Freshness:
    """What was recorded, and when last (real clock, UTC); None: nothing yet."""

    recorded_at: datetime | None = None
    sources: tuple[SourceFreshness, ...] = ()
    letters: tuple[OpenLetters, ...] = ()
    files: tuple[FileProblem, ...] = ()
    is_simulated: bool = False


def read_freshness(jobs: Sequence[Job]) -> Freshness:
    """What is recorded for all active clients; read from the warehouse if nothing is recorded yet.

    Raises WarehouseError if the run database is unavailable.
    """
    rows, letters, files = _recorded()
    if not rows:
        with suppress(WarehouseError):
            refresh()
            rows, letters, files = _recorded()
    wanted = {client.id for client in active_clients()}
    oldest: dict[tuple[str, str], Any] = {}
    for row in rows:
        key = (row.client_id, row.source)
        known = oldest.get(key)
        if row.client_id in wanted and (known is None or _age(row) < _age(known)):
            oldest[key] = row
    now = clock.now()
    due = {source: last_due(jobs, source, now) for source in {key[1] for key in oldest}}
    return Freshness(
        recorded_at=max((row.recorded_at for row in rows), default=None),
        sources=tuple(
            SourceFreshness(*key, row.table_name, row.as_of, due[key[1]], row.state)
            for key, row in sorted(oldest.items())
        ),
        letters=tuple(OpenLetters(*row) for row in letters if row[0] in wanted),
        files=tuple(FileProblem(*row) for row in files if row[0] in wanted),
        is_simulated=any(row.is_simulated for row in rows),
    )


def current_freshness(jobs: Sequence[Job]) -> Freshness:
    """The same, first updated from the warehouse if no other process has it; for commands."""
    with suppress(WarehouseError):
        refresh(wait_s=0.0)
    return read_freshness(jobs)


def record_pull(client_id: str, source: str, tables: Iterable[str], as_of: datetime) -> None:
    """Record that tables were pulled as of an instant (business time); errors are logged."""
    values = {"_client_id": client_id, "source": source}
    try:
        engine = run_database.prepared_engine()
        with engine.begin() as connection:
            mine = [SOURCE_FRESHNESS.c[name] == value for name, value in values.items()]
            known = connection.execute(
                sa.select(SOURCE_FRESHNESS.c.is_simulated).where(*mine)
            ).first()
            for table in (*tables, ""):
                connection.execute(
                    SOURCE_FRESHNESS.delete().where(*mine, SOURCE_FRESHNESS.c.table_name == table)
                )
            rows = [
                {
                    **values,
                    "table_name": table,
                    "state": "on",
                    "as_of": as_of,
                    "is_simulated": bool(known and known[0])
                    or bool(os.environ.get("SIGNALROOM_SANDBOX")),
                    "recorded_at": clock.instant(),
                }
                for table in tables
            ]
            if rows:
                connection.execute(SOURCE_FRESHNESS.insert(), rows)
        engine.dispose()
    except (SignalRoomError, SQLAlchemyError) as error:
        log.warning("the freshness of %s %s is not recorded: %s", source, client_id, error)


def refresh(wait_s: float = WAIT_S) -> None:
    """Record the warehouse's state; WarehouseError if it is unavailable or in use."""
    loads, letters, causes, files, states, is_simulated = _query(wait_s)
    now = clock.instant()
    known = {(client_id, source): state for client_id, source, state in states}
    found = {(client_id, source, table): as_of for client_id, source, table, as_of in loads}
    loaded = {key[:2] for key in found}
    found |= {(*key, ""): None for key in known.keys() - loaded if known[key] == "on"}
    rows = [
        {
            "_client_id": client_id,
            "source": source,
            "table_name": table,
            "state": known.get((client_id, source), "on"),
            "as_of": as_of,
            "is_simulated": is_simulated,
            "recorded_at": now,
        }
        for (client_id, source, table), as_of in found.items()
    ]
    counts = [dict(zip(("_client_id", "source", "letters"), row, strict=True)) for row in letters]
    recorded = (
        (SOURCE_FRESHNESS, rows),
        (OPEN_DEAD_LETTERS, counts),
        (DEAD_LETTER_CAUSES, _named(DEAD_LETTER_CAUSES, causes)),
        (FILE_PROBLEMS, _named(FILE_PROBLEMS, files)),
    )
    engine = run_database.prepared_engine()
    try:
        with engine.begin() as connection:
            for table, values in recorded:
                connection.execute(table.delete())
                if values:
                    connection.execute(table.insert(), values)
    except SQLAlchemyError as error:
        raise WarehouseError(f"Freshness cannot be recorded: {first_line(error)}") from error
    finally:
        engine.dispose()


def _named(table: sa.Table, rows: Iterable[Any]) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _age(row: Any) -> tuple[bool, Any, str]:
    """Sort key: the oldest table first."""
    return (row.as_of is not None, row.as_of or clock.instant(), row.table_name)


def _recorded() -> tuple[list[Any], list[Any], list[Any]]:
    columns = SOURCE_FRESHNESS.c
    engine = run_database.prepared_engine()
    try:
        with engine.connect() as connection:
            rows = connection.execute(
                sa.select(
                    columns._client_id.label("client_id"),
                    columns.source,
                    columns.table_name,
                    columns.state,
                    columns.as_of,
                    columns.is_simulated,
                    columns.recorded_at,
                )
            ).all()
            letters = connection.execute(
                sa.select(OPEN_DEAD_LETTERS).order_by(
                    OPEN_DEAD_LETTERS.c._client_id, OPEN_DEAD_LETTERS.c.source
                )
            ).all()
            files = connection.execute(
                sa.select(FILE_PROBLEMS).order_by(
                    FILE_PROBLEMS.c._client_id, FILE_PROBLEMS.c.source, FILE_PROBLEMS.c.file_name
                )
            ).all()
    except SQLAlchemyError as error:
        raise WarehouseError(f"Freshness cannot be read: {first_line(error)}") from error
    finally:
        engine.dispose()
    return list(rows), [tuple(row) for row in letters], [tuple(row) for row in files]


def _query(wait_s: float) -> Queried:
    """Loads, dead letters and their causes, files, states of sources, whether simulated.

    Empty for missing tables.
    """
    if target() == "duckdb":
        if not duckdb_exists():
            return [], [], [], [], [], False
        import duckdb

        with duckdb_connection(read_only=True, wait_s=wait_s) as connection:
            try:
                return _rows(connection)
            except duckdb.Error as error:
                raise WarehouseError(f"Schema ops cannot be read: {first_line(error)}") from error
    import psycopg2

    with postgres_connection() as connection:
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("set transaction read only")
                return _rows(cursor)
        except psycopg2.Error as error:
            raise WarehouseError(f"Schema ops cannot be read: {first_line(error)}") from error


def _rows(cursor: Any) -> Queried:
    """Run the queries on a DuckDB connection or a cursor of PostgreSQL."""

    def fetch(table: str, sql: str) -> list[Any]:
        if table not in there:
            return []
        cursor.execute(sql)
        return list(cursor.fetchall())

    ahead = (clock.now() - clock.instant()).total_seconds()  # the real clock, also in rehearsals
    there = {"tables"}
    there = {name for (name,) in fetch("tables", TABLES)}
    origin = fetch("origin", ORIGIN)
    return (
        fetch("loads", LOADS),
        fetch("dead_letters", LETTERS),
        fetch("dead_letters", CAUSES.format(zone=clock.zone().key, ahead=round(ahead))),
        fetch("file_ledger", FILES),
        fetch("sources", SOURCES),
        any(row[0] == "simulated" for row in origin),
    )
