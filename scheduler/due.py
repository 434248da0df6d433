"""What is due: every instant of a job's cron since it was last recorded, and what becomes of it.

Pure functions of the schedule, the last recorded instant and now. Instants are UTC, so that a day
of a clock change neither doubles nor loses a run; a clock that jumps back finds nothing new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.agenda import due_between
from scheduler.schedule import Job

# Older instants are not even recorded: nobody asks for them after so long an outage.
HORIZON = timedelta(days=35)
# A run that begins no later than this was not missed.
PUNCTUAL = timedelta(minutes=10)


@dataclass(frozen=True)
class Turn:
    """One instant at which a job was due; `skipped` says why it does not run, empty: it runs."""

    job: Job
    at: datetime
    skipped: str = ""


def due(job: Job, last: datetime, now: datetime) -> list[Turn]:
    """The job's instants after `last` (the last recorded one) up to `now`, oldest first."""
    instants = [one.at for one in due_between([job], max(last, now - HORIZON), now)]
    return [Turn(job, at, _reason(job, at, instants[-1], now)) for at in instants]


def _reason(job: Job, at: datetime, newest: datetime, now: datetime) -> str:
    late = now - at
    if job.catch_up == "skip" and late > PUNCTUAL:
        return f"missed by {_words(late)}; this job is not caught up"
    if late > max(job.within, PUNCTUAL):
        return f"missed by {_words(late)}, longer than the {_words(job.within)} of catch-up"
    if job.catch_up == "latest" and at != newest:
        return f"missed by {_words(late)}; the run of {newest:%Y-%m-%d %H:%M} UTC does its work"
    return ""


def _words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
