"""Health: whether the scheduler works, in one word, without details that help an attacker."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from scheduler.runs.ledger import Ledger
from scheduler.schedule import Job
from scheduler.status.status import STALE_AFTER, is_overdue
from signalroom import clock
from signalroom.errors import SignalRoomError
from signalroom.paths import home
from signalroom.settings import target
from signalroom.warehouse import duckdb_path

THREAD = "APScheduler"


@dataclass
class Pulse:
    """The process's heartbeat: the scheduler writes it, /health and /ready read it.

    `last_tick` is when due runs were last recorded, `last_turn` when work last advanced; instants
    on the real clock, None before the first. Starting is not a fault: until the first, time counts
    from `began`. `thread` is the thread that must be alive; empty: Temporal schedules.
    """

    began: datetime = field(default_factory=clock.instant)
    last_tick: datetime | None = None
    last_turn: datetime | None = None
    is_stopping: bool = False
    thread: str = THREAD


def is_ready(pulse: Pulse) -> bool:
    """Whether the scheduler has started, and is not stopping."""
    return bool(pulse.last_tick and pulse.last_turn) and not pulse.is_stopping


def complaint(pulse: Pulse, jobs: Sequence[Job]) -> str | None:
    """The problem in one word; None if all is well.

    `tick`: none for three minutes; `thread`: APScheduler's has died; `warehouse` or `ledger`:
    unavailable; `overdue`: a run exceeds its limit.
    """
    instant = clock.instant()
    signs = (pulse.last_tick, pulse.last_turn)
    if any(instant - (sign or pulse.began) > STALE_AFTER for sign in signs):
        return "tick"
    names = [thread.name for thread in threading.enumerate()]
    if pulse.thread and pulse.last_turn and pulse.thread not in names:
        return "thread"
    if target() == "duckdb" and not _is_usable():
        return "warehouse"
    try:
        with Ledger() as ledger:
            open_runs = ledger.open_runs()
    except (SignalRoomError, SQLAlchemyError):
        return "warehouse" if target() == "postgres" else "ledger"
    by_name = {job.name: job for job in jobs}
    if any(is_overdue(run, by_name.get(run.job), instant) for run in open_runs):
        return "overdue"
    return None


def _is_usable() -> bool:
    """Whether the DuckDB file can be written; a step that has it open is not a fault."""
    try:
        folder = home()
    except SignalRoomError:
        return False
    path = duckdb_path()
    return os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.R_OK | os.W_OK))
