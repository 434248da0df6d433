"""Facts of the warehouse that people watch: how fresh each source is, what waits in dead letters.

Read from schema `ops` in one short look. On DuckDB nobody can look while another process writes:
then, and when the database is away, WarehouseError says so in one line.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from scheduler.runs.ledger import Ledger
from scheduler.schedule import Job, last_due
from signalroom import clock
from signalroom.clients import active_clients
from signalroom.errors import WarehouseError
from signalroom.settings import target
from signalroom.warehouse import duckdb_connection, duckdb_path, first_line, postgres_connection

KEPT_FOR_S = 20.0
WAIT_S = 1.0  # somebody looks at a terminal or a page
TABLES = (
    "select table_name from information_schema.tables where table_schema = 'ops'"
    " and table_name in ('loads', 'dead_letters')"
)
LOADS = "select _client_id, source, table_name, as_of from ops.loads"
LETTERS = (
    "select _client_id, source, count(*) from ops.dead_letters where resolved_at is null"
    " group by 1, 2 order by 1, 2"
)


@dataclass(frozen=True)
class Freshness:
    """How fresh a client's source is: as of when its oldest table was asked (business time, UTC).

    `due_at` is by when the schedule should have had it asked; None where no job names the source.
    """

    client_id: str
    source: str
    table: str
    as_of: datetime
    due_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether a time at which it was due has passed without it."""
        return self.due_at is not None and self.as_of < self.due_at


@dataclass(frozen=True)
class Letters:
    """How many dead letters of a client's source wait."""

    client_id: str
    source: str
    count: int


@dataclass(frozen=True)
class Facts:
    """What the warehouse says, and when (business time, UTC) it was asked."""

    at: datetime
    freshness: tuple[Freshness, ...] = ()
    letters: tuple[Letters, ...] = ()


def read_facts(jobs: Sequence[Job]) -> Facts:
    """The facts of all active clients; a warehouse in which nothing was ever loaded has none.

    Raises WarehouseError when it is away, or a process writes to the DuckDB file.
    """
    now = clock.now()
    loads, letters = _query()
    wanted = {client.id for client in active_clients()}
    oldest: dict[tuple[str, str], tuple[datetime, str]] = {}
    for client_id, source, table, as_of in loads:
        known = oldest.get((client_id, source))
        if client_id in wanted and (known is None or (as_of, table) < known):
            oldest[client_id, source] = (as_of, table)
    due = {source: last_due(jobs, source, now) for _, source in oldest}
    return Facts(
        at=now,
        freshness=tuple(
            Freshness(client_id, source, table, as_of, due[source])
            for (client_id, source), (as_of, table) in sorted(oldest.items())
        ),
        letters=tuple(Letters(*row) for row in letters),
    )


class KeptFacts:
    """Facts for a process that is asked often: kept for a while, and while they cannot be read.

    On DuckDB it does not look while a run is at work, for the file would be shut to a step that
    begins just then; `at` of the facts says how old they are.
    """

    def __init__(self) -> None:
        self._kept: Facts | None = None
        self._looked_at = 0.0
        self._lock = threading.Lock()

    def __call__(self, jobs: Sequence[Job]) -> Facts:
        """The facts, their due times worked out anew; WarehouseError when there are none."""
        with self._lock:
            try:
                if self._kept is None or self._is_worth_a_look():
                    self._kept = read_facts(jobs)
                    self._looked_at = time.monotonic()
            except (WarehouseError, SQLAlchemyError):
                if self._kept is None:
                    raise
            kept, now = self._kept, clock.now()
        freshness = (replace(one, due_at=last_due(jobs, one.source, now)) for one in kept.freshness)
        return replace(kept, freshness=tuple(freshness))

    def _is_worth_a_look(self) -> bool:
        if time.monotonic() - self._looked_at < KEPT_FOR_S:
            return False
        if target() == "postgres":
            return True
        with Ledger() as ledger:
            return not ledger.running()


def _query() -> tuple[list[Any], list[Any]]:
    """Rows of loads and of dead letters; none where the tables are missing."""
    if target() == "duckdb":
        if not duckdb_path().exists():
            return [], []
        import duckdb

        with duckdb_connection(read_only=True, wait_s=WAIT_S) as connection:
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


def _rows(cursor: Any) -> tuple[list[Any], list[Any]]:
    """Run the queries on a DuckDB connection or a cursor of PostgreSQL."""

    def fetch(sql: str) -> list[Any]:
        cursor.execute(sql)
        return list(cursor.fetchall())

    there = {name for (name,) in fetch(TABLES)}
    loads = fetch(LOADS) if "loads" in there else []
    return loads, fetch(LETTERS) if "dead_letters" in there else []
