"""The last seven days: every run that was due, and which were not done in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.planning import PUNCTUAL
from scheduler.runs.ledger import Ledger, Run
from scheduler.schedule import Job, due_between
from signalroom import clock

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class DueRun:
    """One scheduled run (business time, UTC) and how it went.

    `state`: done, open, late (done, but begun more than ten minutes after it was due), or not done:
    superseded (by a later run), skipped, failed, done_with_errors, missing.
    """

    job: str
    due_at: datetime
    state: str
    run: Run | None = None


@dataclass(frozen=True)
class Week:
    """Every run that was due since `since`: a week ago, or when the schedule was first recorded."""

    since: datetime
    runs: tuple[DueRun, ...]

    @property
    def exceptions(self) -> tuple[DueRun, ...]:
        """What was late or not done."""
        return tuple(one for one in self.runs if one.state not in ("done", "open"))


def read_week(jobs: Sequence[Job]) -> Week:
    """The last seven days; raises WarehouseError if the run database is unavailable."""
    now = clock.now()
    with Ledger() as ledger:
        known = ledger.known_since()
        since = max(now - WEEK, min(known.values(), default=now))
        recorded = {
            (run.job, run.scheduled_for): run
            for run in ledger.since(since)
            if run.trigger == "schedule"
        }
    found = [
        DueRun(one.job.name, one.at, *_state(recorded.get((one.job.name, one.at)), now, one.at))
        for one in due_between(jobs, since, now)
        if one.at >= known.get(one.job.name, now)
    ]
    return Week(since, tuple(found))


def _state(run: Run | None, now: datetime, due_at: datetime) -> tuple[str, Run | None]:
    if run is None:
        return ("open" if now - due_at < timedelta(minutes=2) else "missing"), None
    if run.status in ("due", "running", "waiting"):
        return "open", run
    if run.status == "done" and run.started_at and _delay(run) > PUNCTUAL:
        return "late", run
    return run.state if run.status == "skipped" else run.status, run


def _delay(run: Run) -> timedelta:
    """How long a run waited to begin: since it was recorded, and since it was due.

    The latter only if business time is real time; in a rehearsal they cannot be compared.
    """
    began = run.started_at or run.created_at
    is_real = abs(clock.now() - clock.instant()) < timedelta(minutes=1)
    return max(began - run.created_at, began - run.scheduled_for if is_real else timedelta())
