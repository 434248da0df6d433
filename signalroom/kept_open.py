"""The embedded warehouse, opened once for many statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from signalroom.settings import target
from signalroom.warehouse import duckdb_connection


@contextmanager
def kept_open() -> Iterator[None]:
    """Keep the embedded warehouse open: all reads and writes of the body share one connection.

    Opening and closing the file takes longer than most statements. Meanwhile no other process can
    open it. No effect on PostgreSQL.

    Raises WarehouseError if another process has the file, and names it.
    """
    if target() != "duckdb":
        yield
        return
    with duckdb_connection(read_only=False):
        yield
