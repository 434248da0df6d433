"""Connections to PostgreSQL; waits for a server or pooler that is temporarily full."""

from __future__ import annotations

import re
import select
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# A dead server or network is noticed within two minutes: no answer to a connect, to a keep-alive,
# or to sent data (milliseconds). Statements have a limit in each transaction.
LIMITS = {
    "connect_timeout": "15",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
LONGEST_WAIT_S = 30.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 3.0
# No slot is free, in the terms of the server, pgbouncer and Supabase.
FULL = re.compile(
    r"too many (clients|connections)|max clients|connection slots|MaxClients|EMAXCONN"
    r"|no more connections",
    re.IGNORECASE,
)
STARTING = re.compile(r"system is (starting up|in recovery|not yet accepting)", re.IGNORECASE)


class _Kept(threading.local):
    """What the thread shares now: at most one idle connection; None outside `one_connection`."""

    idle: list[Any] | None = None


_kept = _Kept()


@contextmanager
def one_connection() -> Iterator[None]:
    """Have the owner's transactions in the body, one after another, share a connection.

    Connecting takes longer than most transactions. For short work of one thread that starts no
    process, as a fork would end the connection with itself. A transaction within another one gets a
    connection of its own.
    """
    if _kept.idle is not None:
        yield
        return
    kept = _kept.idle = []
    try:
        yield
    finally:
        _kept.idle = None
        for connection in kept:
            connection.close()


def take(found: Mapping[str, Any]) -> Any:
    """The thread's idle connection unless the server has ended it, or a new one like `connect`."""
    if _kept.idle:
        connection = _kept.idle.pop()
        if not is_lost(connection):
            return connection
        connection.close()
    return connect(found)


def is_lost(connection: Any) -> bool:
    """Whether the server has closed an idle connection, or says something on its own accord."""
    return bool(connection.closed) or bool(select.select([connection], [], [], 0)[0])


def give_back(connection: Any) -> None:
    """Keep a connection for the next transaction of `one_connection`, or close it."""
    from psycopg2.extensions import STATUS_READY

    if _kept.idle == [] and connection.status == STATUS_READY and not connection.closed:
        _kept.idle.append(connection)
    else:
        connection.close()


def connect(found: Mapping[str, Any]) -> Any:
    """A psycopg2 connection; psycopg2's OperationalError if there is none.

    Waits for a temporary fault to pass, at most `LONGEST_WAIT_S`.
    """
    import psycopg2

    give_up_at = time.monotonic() + LONGEST_WAIT_S
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return psycopg2.connect(**found)
        except psycopg2.OperationalError as error:
            passes = FULL.search(str(error)) or STARTING.search(str(error))
            if not passes or time.monotonic() + pause_s > give_up_at:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def when_full(error: BaseException) -> str:
    """What to change where every connection is taken; empty for any other error."""
    if not FULL.search(str(error)):
        return ""
    return (
        "Every connection that it allows is in use: end idle ones (pg_stat_activity lists them), "
        "or raise that limit (max_connections, or the connection limit of database, role or "
        "pooler); then run the same command again."
    )
