"""The warehouse, opened once for many statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from signalroom.connecting import one_connection
from signalroom.settings import target
from signalroom.warehouse import duckdb_connection


@contextmanager
def kept_open() -> Iterator[None]:
    """Keep the warehouse open: reads and writes of the body, one after another, share a connection.

    Opening and closing the embedded warehouse's file, or connecting to PostgreSQL, takes longer
    than most statements. Meanwhile no other process can open the file.

    Raises WarehouseError if another process has the file, and names it.
    """
    if target() != "duckdb":
        with one_connection():
            yield
        return
    with duckdb_connection(read_only=False):
        yield
