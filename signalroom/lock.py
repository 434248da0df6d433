"""Locks: one writer at a time, held by the process that does the work.

On DuckDB the warehouse as a whole has one writer; on PostgreSQL each piece of work has a lock of
its own, held by a session of the database so that it also binds other machines.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signalroom import clock
from signalroom.connections import postgres_connection
from signalroom.errors import WarehouseError
from signalroom.settings import home, target

WAIT_S = 30.0


@contextmanager
def hold(work: str) -> Iterator[None]:
    """Hold the lock for a piece of work, such as `dbt build` or `ingest everflow`.

    Waits up to 30 s for another process, then raises WarehouseError that says who it is.
    """
    if target() == "duckdb":
        with _hold_file(home() / "warehouse.lock", work):
            yield
    else:
        with _hold_session(work):
            yield


@contextmanager
def _hold_file(path: Path, work: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=WAIT_S)
    note = path.with_suffix(".holder.json")
    try:
        lock.acquire()
    except Timeout:
        raise WarehouseError(_busy(work, note)) from None
    try:
        since = clock.instant().isoformat(timespec="seconds")
        note.write_text(json.dumps({"work": work, "process": os.getpid(), "since": since}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _busy(work: str, note: Path) -> str:
    try:
        holder = json.loads(note.read_text())
    except (OSError, ValueError):
        return f"{work} cannot start: another process writes to the warehouse. Try again later."
    return (
        f"{work} cannot start: `{holder['work']}` (process {holder['process']}) writes to the "
        f"warehouse since {holder['since']}. Wait for it, or stop it."
    )


@contextmanager
def _hold_session(work: str) -> Iterator[None]:
    key = zlib.crc32(f"signalroom {work}".encode())
    with postgres_connection() as connection, connection.cursor() as cursor:
        connection.autocommit = True
        give_up_at = time.monotonic() + WAIT_S
        while True:
            cursor.execute("select pg_try_advisory_lock(%s)", [key])
            if cursor.fetchone()[0]:
                break
            if time.monotonic() > give_up_at:
                raise WarehouseError(
                    f"{work} cannot start: another process does the same on this database. "
                    "Wait for it, or stop it."
                )
            time.sleep(0.5)
        yield
