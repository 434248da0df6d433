"""Locks: one writer at a time, held by the process that does the work.

On DuckDB the warehouse as a whole has one writer; on PostgreSQL each piece of work has a lock of
its own, held by a transaction of the database so that it also binds other machines. A transaction,
not a session: a transaction pooler (port 6543) gives a session's lock away with its connection. It
reads nothing and so keeps no vacuum waiting.
"""

from __future__ import annotations

import json
import os
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from signalroom import clock
from signalroom.connections import postgres_connection
from signalroom.errors import WarehouseError
from signalroom.settings import home, require, target

HOLDER = """
select application_name, state_change
from pg_locks
inner join pg_stat_activity using (pid)
where locktype = 'advisory' and classid = 0 and objid = %s and granted
"""


@contextmanager
def hold(work: str) -> Iterator[None]:
    """Hold the lock for a piece of work, such as `dbt build` or `ingest everflow`.

    Waits SIGNALROOM_LOCK_WAIT_S for another process, then raises WarehouseError that says who it
    is and since when.
    """
    if target() == "duckdb":
        with _hold_file(home() / "warehouse.lock", work):
            yield
    else:
        with _hold_transaction(work):
            yield


@contextmanager
def _hold_file(path: Path, work: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=float(require("SIGNALROOM_LOCK_WAIT_S")))
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
def _hold_transaction(work: str) -> Iterator[None]:
    key = zlib.crc32(f"signalroom {work}".encode())
    give_up_at = time.monotonic() + float(require("SIGNALROOM_LOCK_WAIT_S"))
    with postgres_connection() as connection, connection.cursor() as cursor:
        while not _take(cursor, key, work):
            if time.monotonic() > give_up_at:
                raise WarehouseError(_taken(cursor, key, work))
            connection.rollback()
            time.sleep(0.5)
        yield  # and the transaction stays open, for as long as the work takes


def _take(cursor: Any, key: int, work: str) -> bool:
    who = f"signalroom {work}, process {os.getpid()} on {socket.gethostname()}"[:63]
    cursor.execute(
        "select set_config('idle_in_transaction_session_timeout', '0', true), "
        "set_config('application_name', %s, true)",
        [who],
    )
    cursor.execute("select pg_try_advisory_xact_lock(%s)", [key])
    return bool(cursor.fetchone()[0])


def _taken(cursor: Any, key: int, work: str) -> str:
    cursor.execute(HOLDER, [key])
    holder = cursor.fetchone()
    if holder is None:
        who = "another process does the same on this database"
    else:
        since = holder[1].astimezone(UTC).isoformat(timespec="seconds")
        who = f"`{holder[0]}` does the same on this database since {since}"
    return f"{work} cannot start: {who}. Wait for it, or stop it."
