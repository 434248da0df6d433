"""Locks: one writer at a time, held by the process that does the work.

On DuckDB the whole warehouse has one writer; on PostgreSQL each piece of work has its own lock,
held by a database transaction so that it also applies to other machines. A transaction, not a
session: a transaction pooler (port 6543) passes a session's lock on with its connection. It reads
nothing, so it does not block vacuum.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from signalroom import clock
from signalroom.errors import WarehouseError
from signalroom.paths import home
from signalroom.settings import number, target
from signalroom.warehouse import postgres_connection

WATCH_EVERY_S = 5.0
HUNG_S = 180.0
HOLDER = """
select application_name, state_change
from pg_locks
inner join pg_stat_activity using (pid)
where locktype = 'advisory' and classid = 0 and objid = %s and granted
"""


@contextmanager
def hold(*works: str, whose: str = "") -> Iterator[None]:
    """Hold the lock for a piece of work, such as `dbt build` or `ingest everflow`; or for several.

    Waits SIGNALROOM_LOCK_WAIT_S for another process, then raises WarehouseError with its name and
    start. `whose` names the work that has the locks, if it is another.
    """
    work = whose or works[0]
    if target() == "duckdb":
        wait_s = number("SIGNALROOM_LOCK_WAIT_S")
        refusal = (
            f"{work} cannot start: {{holder}} writes to the warehouse. Wait for it, or stop it."
        )
        with hold_file("warehouse", work, wait_s, refusal):
            yield
    else:
        with _hold_transaction(works, work):
            yield


@contextmanager
def hold_file(name: str, work: str, wait_s: float, refusal: str) -> Iterator[None]:
    """Hold SIGNALROOM_HOME/`name`.lock; the kernel releases it however this process ends.

    Raises WarehouseError after `wait_s`, with `refusal`, where `{holder}` becomes the process:
    "`dbt build` (process 7, since 2026-11-19T07:00:00+00:00)", or "another process".
    """
    from filelock import FileLock, Timeout

    lock = FileLock(home() / f"{name}.lock", timeout=wait_s)
    note = home() / f"{name}.holder.json"
    try:
        lock.acquire()
    except Timeout:
        raise WarehouseError(refusal.replace("{holder}", _holder(note))) from None
    try:
        since = clock.instant().isoformat(timespec="seconds")
        note.write_text(json.dumps({"work": work, "process": os.getpid(), "since": since}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        return f"`{found['work']}` (process {found['process']}, since {found['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"


@contextmanager
def _hold_transaction(works: Sequence[str], work: str) -> Iterator[None]:
    keys = [_key(one) for one in works]
    give_up_at = time.monotonic() + number("SIGNALROOM_LOCK_WAIT_S")
    with postgres_connection() as connection, connection.cursor() as cursor:
        while key := next((one for one in keys if not _take(cursor, one, work)), 0):
            if time.monotonic() > give_up_at:
                raise WarehouseError(_taken(cursor, key, work))
            connection.rollback()
            time.sleep(0.5)
        with _watched(connection, work):
            yield  # and the transaction stays open while the work runs


@contextmanager
def _watched(connection: Any, work: str) -> Iterator[None]:
    """Raise WarehouseError in the body if the lock's connection ends before it.

    A lost connection is a lost lock: another process may begin the same work.
    """
    lost = WarehouseError(
        f"{work} was ended: its lock was lost with the connection to PostgreSQL. What was "
        "committed stays; run it again."
    )
    is_lost, is_done = threading.Event(), threading.Event()
    is_main = threading.current_thread() is threading.main_thread()
    # A script that begins this process with & has it ignore Ctrl-C, and all that it starts, such as
    # dbt: that stays so. SIGURG is ignored where no one handles it.
    is_ignored = is_main and signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    interrupt = signal.SIGURG if is_ignored else signal.SIGINT

    def watch() -> None:
        while not is_done.wait(WATCH_EVERY_S):
            hung = threading.Timer(HUNG_S, _end_hung, [work])
            hung.daemon = True
            hung.start()
            answers = _answers(connection)
            hung.cancel()
            if not answers:
                is_lost.set()
                if is_main and not is_done.is_set():
                    signal.pthread_kill(threading.main_thread().ident or 0, interrupt)
                return

    watcher = threading.Thread(target=watch, name="lock", daemon=True)
    watcher.start()
    before = signal.signal(interrupt, signal.default_int_handler) if is_ignored else None
    try:
        yield
    except BaseException:
        if is_lost.is_set():
            raise lost from None
        raise
    finally:
        is_done.set()
        if is_ignored:
            signal.signal(interrupt, before)
    watcher.join(WATCH_EVERY_S)
    if is_lost.is_set() or not _answers(connection):
        raise lost


def _end_hung(work: str) -> None:
    """End this process, which is stuck on a frozen server and ignores signals.

    None of its statements was answered, and the server rolls them back.
    """
    said = f"Error: {work} was ended: PostgreSQL has answered nothing for {HUNG_S:.0f} s. What was "
    sys.stderr.write(f"{said}committed stays; run it again once the server answers.\n")
    sys.stderr.flush()
    os._exit(1)


def _answers(connection: Any) -> bool:
    import psycopg2

    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except psycopg2.Error:
        return False
    return True


def is_held(work: str) -> bool:
    """Whether any process holds the lock of a piece of work right now (PostgreSQL)."""
    with postgres_connection() as connection, connection.cursor() as cursor:
        cursor.execute(HOLDER, [_key(work)])
        return cursor.fetchone() is not None


def _key(work: str) -> int:
    return zlib.crc32(f"signalroom {work}".encode())


def _take(cursor: Any, key: int, work: str) -> bool:
    # the scheduler finds a run's connections by PGAPPNAME
    mine = os.environ.get("PGAPPNAME", "").strip() or "signalroom"
    who = f"{mine} {work}, process {os.getpid()} on {socket.gethostname()}"[:63]
    cursor.execute(
        "select set_config('idle_in_transaction_session_timeout', '0', true), "
        "set_config('application_name', %s, true)",
        [who],
    )
    cursor.execute("select pg_try_advisory_xact_lock(%s)", [key])
    if not cursor.fetchone()[0]:
        return False
    _refuse_the_replaced(cursor, work)
    return True


def _refuse_the_replaced(cursor: Any, work: str) -> None:
    """A process frozen past its lease, whose run has another owner, must not load."""
    run_id = os.environ.get("SIGNALROOM_RUN_ID", "")
    owner = os.environ.get("SIGNALROOM_RUN_OWNER", "")
    if not (run_id and owner):
        return
    cursor.execute("select owner from ops.runs where run_id = %s", [run_id])
    found = cursor.fetchone()
    is_lost = bool(found and found[0] != owner)
    step, of_try = os.environ.get("SIGNALROOM_STEP", ""), os.environ.get("SIGNALROOM_STEP_TRY", "")
    if of_try:
        cursor.execute(
            "select attempt from ops.steps where run_id = %s and step = %s", [run_id, step]
        )
        found = cursor.fetchone()
        is_lost = is_lost or bool(found and found[0] != int(of_try))
    if is_lost:
        raise WarehouseError(f"{work} cannot start: {run_id} was taken over by another process.")


def _taken(cursor: Any, key: int, work: str) -> str:
    cursor.execute(HOLDER, [key])
    holder = cursor.fetchone()
    if holder is None:
        who = "another process does the same on this database"
    else:
        since = holder[1].astimezone(UTC).isoformat(timespec="seconds")
        who = f"`{holder[0]}` does the same on this database since {since}"
    return f"{work} cannot start: {who}. Wait for it, or stop it."
