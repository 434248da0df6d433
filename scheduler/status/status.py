"""The status: recent and running jobs, late sources, what is next; the same for every reader.

The terminal, the page, /health and /metrics all show this. Each part that cannot be read is named
in `unreadable`, in one line; the others are still there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from scheduler.planning import COMMAND_JOB
from scheduler.runs.ledger import Beat, Ledger, Run, Step, has_died
from scheduler.schedule import Job, next_due, read_schedule
from scheduler.status.freshness import Freshness, SourceFreshness, read_freshness
from signalroom import clock
from signalroom.errors import SignalRoomError
from signalroom.logs import mask
from signalroom.warehouse import first_line

if TYPE_CHECKING:
    from reports.alerts.incidents import Incident
    from reports.alerts.snoozes import Snooze

STALE_AFTER = timedelta(minutes=3)
# Time to kill a hung step and start the next one.
GRACE = timedelta(minutes=5)


@dataclass(frozen=True)
class JobStatus:
    """A job, its last runs (newest first), and when it is due next (business time, UTC)."""

    job: Job
    runs: tuple[Run, ...]
    next_at: datetime | None


@dataclass(frozen=True)
class Status:
    """Everything at one instant: `at` in business time, `instant` on the real clock (both UTC).

    `incidents` are the active ones: without those only recorded, or `snoozed`. `freshness` and
    `incidents` are None, and `is_ledger_read` is false, if they are unavailable.
    """

    at: datetime
    instant: datetime
    is_ledger_read: bool
    beat: Beat | None
    jobs: tuple[JobStatus, ...]
    commands: tuple[Run, ...]  # the last runs of `signalroom run`
    open_runs: tuple[Run, ...]
    freshness: Freshness | None
    incidents: tuple[Incident, ...] | None
    snoozed: tuple[tuple[Incident, Snooze], ...]
    unreadable: tuple[str, ...]

    @property
    def is_alive(self) -> bool:
        """Whether a scheduler had a heartbeat in the last three minutes.

        One that ran on this machine and has died is detected at once.
        """
        beat = self.beat
        if beat is None or abs(self.instant - beat.at) > STALE_AFTER:
            return False  # also for a heartbeat in the future: the clock was ahead
        return not has_died(beat.owner)

    @property
    def running(self) -> list[Run]:
        """Running runs."""
        return [run for run in self.open_runs if run.status == "running"]

    @property
    def overdue(self) -> list[Run]:
        """Runs that are past their limit."""
        jobs = {one.job.name: one.job for one in self.jobs}
        return [run for run in self.open_runs if is_overdue(run, jobs.get(run.job), self.instant)]

    @property
    def failed(self) -> list[Run]:
        """The newest runs of jobs that did not complete all their work."""
        bad = ("failed", "done_with_errors")
        return [one.runs[0] for one in self.jobs if one.runs and one.runs[0].status in bad]

    @property
    def late(self) -> list[SourceFreshness]:
        """Late sources that no open alert names already."""
        found = self.freshness.sources if self.freshness else ()
        known = self._alerted
        return [
            one for one in found if one.is_late and not known & {one.source, f"ingest:{one.source}"}
        ]

    @property
    def unexplained(self) -> list[Run]:
        """The newest runs that failed in steps that no open alert is about."""
        return [
            run
            for run in self.failed
            if not {step.step for step in run.steps if step.status == "failed"} <= self._alerted
        ]

    @property
    def _alerted(self) -> set[str]:
        return {
            *(one.subject for one in self.incidents or ()),
            *(one.subject for one, _ in self.snoozed),
        }


def is_overdue(run: Run, job: Job | None, instant: datetime) -> bool:
    """Whether a step of the run exceeds its job's limit, or no process works on the run."""
    if run.status != "running":
        return False
    if run.leased_until is not None and run.leased_until + GRACE < instant:
        return True
    limit = timedelta(minutes=job.limit) + GRACE if job else None
    return limit is not None and any(
        step.status == "running"
        and step.started_at is not None
        and step.started_at + limit < instant
        for step in run.steps
    )


def duration(one: Run | Step, instant: datetime) -> timedelta | None:
    """How long a run or step took, or has taken so far; None before it began."""
    if one.started_at is None:
        return None
    return (one.finished_at or instant) - one.started_at


def read_status(
    runs: int = 3, freshness: Callable[[Sequence[Job]], Freshness] = read_freshness
) -> Status:
    """The status now, with that many of each job's last runs.

    Raises ConfigurationError for a malformed schedule; any other failure is in `unreadable`.
    """
    jobs = read_schedule()
    now, instant = clock.now(), clock.instant()
    beat: Beat | None = None
    last: dict[str, list[Run]] = {}
    open_runs: list[Run] = []
    commands: list[Run] = []
    found: Freshness | None = None
    incidents: tuple[Incident, ...] | None = None
    snoozed: tuple[tuple[Incident, Snooze], ...] = ()
    unreadable: list[str] = []
    is_ledger_read = False
    try:
        with Ledger() as ledger:
            beat = ledger.beat()
            last = {job.name: ledger.recent(job.name, runs) for job in jobs}
            commands = ledger.recent(COMMAND_JOB, runs)
            open_runs = ledger.open_runs()
        is_ledger_read = True
    except (SignalRoomError, SQLAlchemyError) as error:
        unreadable.append(f"Runs: {mask(first_line(error))}")
    try:
        found = freshness(jobs)
    except SignalRoomError as error:
        unreadable.append(f"Freshness and dead letters: {mask(first_line(error))}")
    try:
        incidents, snoozed = _incidents(now)
    except (SignalRoomError, SQLAlchemyError) as error:
        unreadable.append(f"Alerts: {mask(first_line(error))}")
    return Status(
        at=now,
        instant=instant,
        is_ledger_read=is_ledger_read,
        beat=beat,
        jobs=tuple(
            JobStatus(job, tuple(last.get(job.name, ())), next_due(job, now)) for job in jobs
        ),
        commands=tuple(commands),
        open_runs=tuple(open_runs),
        freshness=found,
        incidents=incidents,
        snoozed=snoozed,
        unreadable=tuple(unreadable),
    )


def _incidents(
    now: datetime,
) -> tuple[tuple[Incident, ...], tuple[tuple[Incident, Snooze], ...]]:
    """Open alerts that are active, and those that are snoozed."""
    from reports.alerts.incidents import open_incidents
    from reports.alerts.snoozes import read_snoozes, snoozed_by

    snoozes = read_snoozes(now)
    found = [one for one in open_incidents() if not one.is_silent]
    quiet = [(one, snooze) for one in found if (snooze := snoozed_by(one, snoozes))]
    hidden = {one.incident_id for one, _ in quiet}
    return tuple(one for one in found if one.incident_id not in hidden), tuple(quiet)
