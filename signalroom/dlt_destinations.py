"""dlt's destinations with less work for each load: one connection for many jobs, one description.

dlt asks a destination what it can do fifty times in a load, and opens a connection for each of its
jobs and questions. Both are dlt's own classes with one method each that remembers; types, names and
everything else are dlt's, so that a state or schema written by plain dlt is understood. PostgreSQL
also copies files in its own text format, which it reads faster than CSV (ingest/import_file.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import psycopg2
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.storages import FileStorage
from dlt.destinations import duckdb, postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresCsvCopyJob
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

COPY_DELIMITER = "\x1f"  # ASCII's unit separator, which texts hardly contain
COPY_BYTES = 2**16
Key = tuple[str, str]  # where, and which schema
_lock = threading.Lock()
_idle: dict[Key, list[Any]] | None = None


@contextmanager
def kept_connections() -> Iterator[None]:
    """Have dlt use a connection for one job after another in the body: of one load per process."""
    global _idle  # of the process: dlt's jobs run in threads of its own
    with _lock:
        _idle = {}
    try:
        yield
    finally:
        with _lock:
            left, _idle = _idle or {}, None
        for connections in left.values():
            for connection in connections:
                connection.close()


class _Client(Psycopg2SqlClient):
    """dlt's own; an idle connection is reset as dlt does after an error, and used again."""

    _opened_for: Key

    def open_connection(self) -> Any:
        where = self.credentials.to_native_representation(), self.fully_qualified_dataset_name()
        self._opened_for = where
        while connection := _take(where):
            self._conn = connection
            try:
                self._reset_connection()
            except psycopg2.Error:  # the server ended it meanwhile
                connection.close()
                self._conn = None
            else:
                return connection
        return super().open_connection()

    def close_connection(self) -> None:
        if self._conn is not None and _keep(self._opened_for, self._conn):
            self._conn = None
        else:
            super().close_connection()


def _take(where: Key) -> Any:
    """An idle connection; without one, another kind is closed first, so that there are no more."""
    with _lock:
        if not _idle:
            return None
        if found := _idle.get(where):
            return found.pop()
        of_others = next((one for one in _idle.values() if one), None)
        if of_others:
            of_others.pop().close()
        return None


def _keep(where: Key, connection: Any) -> bool:
    is_free = connection.info.transaction_status == TRANSACTION_STATUS_IDLE  # not if it is lost
    with _lock:
        if not is_free or _idle is None:
            return False
        _idle.setdefault(where, []).append(connection)
        return True


class _CopyJob(PostgresCsvCopyJob):
    """dlt's job for CSV; a file in PostgreSQL's own text format is copied as that."""

    def run(self) -> None:
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            names = file.readline().decode().rstrip("\n").split(COPY_DELIMITER)
            if len(names) == 1:
                super().run()
                return
            client = self._job_client.sql_client
            table = client.make_qualified_table_name(self.load_table_name)
            columns = ", ".join(client.escape_column_name(name.strip('"')) for name in names)
            with client.begin_transaction(), client.native_connection.cursor() as cursor:
                cursor.copy_expert(
                    f"copy {table} ({columns}) from stdin with (format text,"
                    f" delimiter '{COPY_DELIMITER}', null '', encoding 'utf-8')",
                    file,
                    size=COPY_BYTES,
                )


class _JobClient(PostgresClient):
    def __init__(self, schema: Any, config: Any, capabilities: Any) -> None:
        super().__init__(schema, config, capabilities)
        names = self.create_dataset_names(schema, config)
        self.sql_client = _Client(*names, config.credentials, capabilities)

    def create_load_job(
        self, table: Any, file_path: str, load_id: str, restore: bool = False
    ) -> Any:
        job = super().create_load_job(table, file_path, load_id, restore)
        return _CopyJob(file_path) if isinstance(job, PostgresCsvCopyJob) else job


class _Described:
    """A destination that describes itself once; each question gets a copy."""

    _known: DestinationCapabilitiesContext | None = None

    def capabilities(self, config: Any = None, naming: Any = None) -> Any:
        """What it can do: on these two it depends on no setting, only on names in mixed case."""
        describe = super().capabilities  # type: ignore[misc]
        if naming is not None and naming.is_case_sensitive:
            return describe(config, naming)
        if self._known is None:
            self._known = describe(config, naming)
        return copy(self._known)


class Postgres(_Described, postgres):
    """dlt's PostgreSQL."""

    destination_type = "dlt.destinations.postgres"
    client_class = _JobClient


class DuckDb(_Described, duckdb):
    """dlt's DuckDB, which has connections of its own that it uses again."""

    destination_type = "dlt.destinations.duckdb"
