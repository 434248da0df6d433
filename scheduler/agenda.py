"""The agenda: what is due when, worked out from the schedule alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scheduler.schedule import Job

# No job rests longer than from one Sunday to the next.
LOOK_BACK = timedelta(days=8)


@dataclass(frozen=True)
class Due:
    """A job and the instant (business time, UTC) at which it is due."""

    at: datetime
    job: Job


def due_between(jobs: Sequence[Job], after: datetime, until: datetime) -> list[Due]:
    """What is due later than `after` and not later than `until`, in order of time."""
    found = [Due(at, job) for job in jobs for at in _times(job, after, until)]
    return sorted(found, key=lambda one: (one.at, one.job.name))


def next_due(job: Job, after: datetime) -> datetime | None:
    """When a job is due next; None for a job that is due never again."""
    return next(_times(job, after, datetime.max.replace(tzinfo=after.tzinfo)), None)


def last_due(jobs: Sequence[Job], source: str, moment: datetime) -> datetime | None:
    """By when a source should have been asked: the last time due whose limit is over.

    None where nothing was due in the last days, as with a source that no job names.
    """
    times = [
        one.at
        for one in due_between(jobs, moment - LOOK_BACK, moment)
        if source in one.job.sources and one.at + timedelta(minutes=one.job.limit) <= moment
    ]
    return max(times, default=None)


def _times(job: Job, after: datetime, until: datetime) -> Iterator[datetime]:
    trigger = job.trigger()
    at = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    while at is not None and at.astimezone(UTC) <= until:
        yield at.astimezone(UTC)
        at = trigger.get_next_fire_time(at, at)
