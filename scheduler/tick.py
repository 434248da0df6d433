"""The tick: what came due since the last one is recorded, each instant once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from scheduler.due import due
from scheduler.planning import scheduled
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job

log = logging.getLogger("scheduler")


def record_due(
    ledger: WorkLedger, jobs: Sequence[Job], owner: str, now: datetime, instant: datetime
) -> int:
    """Record every run that came due up to `now` (business time); how many are new.

    A job that the ledger does not know yet begins now: its past is nobody's concern.
    """
    until = ledger.recorded_until([job.name for job in jobs], now, owner)
    found = 0
    for job in jobs:
        turns = due(job, until[job.name], now)
        for turn in turns:
            if ledger.record(scheduled(turn, instant)):
                found += 1
                said = turn.skipped or "is due"
                log.info("%s of %s UTC %s", job.name, f"{turn.at:%Y-%m-%d %H:%M}", said)
        if turns:  # after they are recorded: what a crash cuts off is found again
            ledger.advance(job.name, turns[-1].at)
    return found
