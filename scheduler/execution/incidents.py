"""Permanent failures, recorded for the alerts; an error while recording does not stop the work.

The severity depends on the next report: whether it will be late or wrong, or whether a scheduled
pull can still fix it in time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from reports.alerts import incidents
from reports.alerts.causes import KIND, WAREHOUSE, FailedStep, step_failed
from scheduler.runs.ledger import Run, Step
from scheduler.schedule import Job, due_between, report_deadline
from signalroom import clock
from signalroom.errors import SignalRoomError
from signalroom.logs import mask
from signalroom.plural import counted

log = logging.getLogger("scheduler")
READ_EVERY_S = 300.0
# What another try may fix without intervention.
MAY_PASS = frozenset({"SourceError", "Limit", "Killed", *WAREHOUSE})
NOT_LONGER = timedelta(hours=2)  # the longest that a failure waits for the next try
GRACE = timedelta(minutes=15)  # time for that try to end
DELIVERY = frozenset({"Undelivered", "Unconfirmed"})  # the outbox keeps trying


@contextmanager
def _recorded() -> Iterator[None]:
    try:
        yield
    except SignalRoomError as error:
        log.warning("an alert could not be recorded: %s", error)


class Troubles:
    """Our failing steps, as far as known here; refreshed every few minutes."""

    def __init__(self, jobs: Sequence[Job] = ()) -> None:
        self._jobs = jobs
        self._open: set[tuple[str, str]] = set()  # client, step
        self._read_at = 0.0

    def step_failed(
        self, run: Run, step: Step, failures: Sequence[tuple[str, str, str]], tries: int
    ) -> None:
        """Open an incident for each client of a step that failed permanently, or count a repeat.

        A failure is client, class of the error, and message.
        """
        for client_id in dict.fromkeys(client_id for client_id, _, _ in failures):
            mine = [one for one in failures if one[0] == client_id]
            error_class, said = mine[0][1], mask("; ".join(words for _, _, words in mine))
            self._open.add((client_id, step.step))
            with _recorded():
                now = clock.now()
                severity, quiet_until = consequence(self._jobs, step.step, error_class, now)
                job = usual_job(self._jobs, step.step, now) or run.job
                failed = FailedStep(step.step, client_id, error_class, said, tries, run.run_id, job)
                incidents.report_trouble(step_failed(failed, severity, quiet_until))

    def step_done(self, step: Step, client_ids: frozenset[str]) -> None:
        """Resolve the incidents of a step that has now succeeded."""
        with _recorded():
            self._read_open()
            for client_id in sorted(client_ids):
                if (client_id, step.step) in self._open:
                    incidents.settle_trouble(KIND, client_id, step.step)
                    self._open.discard((client_id, step.step))

    def _read_open(self) -> None:
        """Incidents that an earlier process, or another one, left open."""
        if time.monotonic() >= self._read_at:
            mine = [one for one in incidents.open_incidents() if one.kind == KIND]
            self._open |= {(one.client_id, one.subject) for one in mine}
            self._read_at = time.monotonic() + READ_EVERY_S


def consequence(
    jobs: Sequence[Job], step: str, error_class: str, now: datetime
) -> tuple[str, datetime | None]:
    """Severity of a failed step, and until when a retry may still fix it (None: it cannot).

    Critical means that the next report will be late or wrong unless someone acts.
    """
    kind, _, subject = step.partition(":")
    if kind == "report":
        return ("warning", now + GRACE) if error_class in DELIVERY else ("critical", None)
    again = [one for one in jobs if subject in one.sources or (kind == "dbt" and one.sources)]
    is_for_report = kind == "dbt" or any(one.reports for one in again)
    severity = "critical" if is_for_report else "warning"
    if error_class not in MAY_PASS:
        return severity, None
    tries = due_between(again, now, now + timedelta(days=1))
    next_try = tries[0].at if tries else None
    if is_for_report and (next_try is None or next_try >= next_deadline(now)):
        return "critical", None
    if next_try is None or next_try > now + NOT_LONGER:
        return "warning", None
    return "warning", next_try + GRACE


def next_deadline(now: datetime) -> datetime:
    """The next instant (UTC) at which daily reports are sent with the available data."""
    day = clock.local_date(now)
    for ahead in (0, 1):
        at = datetime.combine(day + timedelta(days=ahead), report_deadline(), tzinfo=clock.zone())
        if at > now:
            break
    return at


def usual_job(jobs: Sequence[Job], step: str, now: datetime) -> str | None:
    """The job that runs a step most often, which people know best; None if none does."""
    kind, _, subject = step.partition(":")
    able = [
        one
        for one in jobs
        if (one.sources if kind == "dbt" else subject in (one.sources + one.reports))
    ]
    if not able:
        return None
    times = [one.job.name for one in due_between(able, now, now + timedelta(days=1))]
    return max((one.name for one in able), key=times.count)


def run_over(job: Job, run: Run, status: str, error: str | None) -> None:
    """Notify the job's channels of how a run ended."""
    ended_well = status == "done"
    channels = job.on_success if ended_well else job.on_failure
    if not channels:
        return
    parts = [
        f"{step.subject or step.step}: {_rows(step)}{_seconds(step)}"
        for step in run.steps
        if step.status == "done"
    ]
    detail = "; ".join([*parts, *([error] if error else [])])
    with _recorded():
        incidents.notice("*", f"{run.job} {status.replace('_', ' ')}", detail, channels)


def _rows(step: Step) -> str:
    return f"{counted(step.rows, 'row')}, " if step.rows is not None else ""


def _seconds(step: Step) -> str:
    if step.started_at is None or step.finished_at is None:
        return "done"
    return f"{(step.finished_at - step.started_at).total_seconds():.0f} s"
