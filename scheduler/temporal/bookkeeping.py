"""How Temporal's workers claim and close runs of the ledger; without Temporal imports.

The ledger decides, so that even both engines together do nothing twice: an instant of a job is
recorded first, a run has one owner, and two runs with a source in common wait for each other. The
owner is the workflow; any worker renews its lease while it runs, and closes the runs of an ended
one. The other engine takes over runs whose lease no worker has renewed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from reports.alerts import incidents
from scheduler.execution import executor
from scheduler.execution.child import Child, Start
from scheduler.execution.incidents import Troubles
from scheduler.execution.run import LostError, Work
from scheduler.planning import chosen_job, deadline_of, record_due, requested, waits_until
from scheduler.runs.ledger import COMMAND, Run, Step
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job, read_schedule
from scheduler.temporal.model import (
    PREFIX,
    Finished,
    Finishing,
    Opened,
    Opening,
    StepInput,
)
from signalroom import clock, lock
from signalroom.errors import ConfigurationError
from signalroom.settings import number, target

OWNER = "temporal/"
LEASE = timedelta(minutes=10)
NOT_PULLED = "no worker brought this step to its end"
CANCELED = "canceled by a person"


class BusyError(Exception):
    """Another run has the same sources, and this one waits for its end. The text names that run."""


def owner_of(namespace: str, workflow_id: str, execution: str) -> str:
    """A workflow's execution, as the ledger's owner."""
    return f"{OWNER}{namespace}/{workflow_id}/{execution}"


def workflow_of(owner: str | None) -> tuple[str, str] | None:
    """Workflow and execution of an owner; None if it is not a workflow."""
    if not (owner or "").startswith(OWNER):
        return None
    workflow_id, _, execution = str(owner).split("/", 2)[2].rpartition("/")
    return workflow_id, execution


def run_of(workflow_id: str) -> str:
    """The id of a workflow's own run; users may have typed anything.

    It also names a folder of logs, so it must not allow path traversal.
    """
    return re.sub(r"[^\w.:-]|^\.+", "-", workflow_id.removeprefix(PREFIX))


def open_run(ledger: WorkLedger, opening: Opening, owner: str, workflow_id: str) -> Opened:
    """Claim the requested run; returns what is left to do of it, or nothing.

    Called again by the same workflow it returns the same run. Raises BusyError.
    """
    at = datetime.fromisoformat(opening.at)
    now, instant = max(clock.now(), at), clock.instant()
    jobs = read_schedule()
    if opening.source or opening.report:
        run_id = _record_alone(ledger, opening, workflow_id, at)
    elif opening.run_id:
        run_id = opening.run_id
    else:
        run_id = ""
        job = next((one for one in jobs if one.name == opening.job), None)
        if job is None:
            raise ConfigurationError(
                f"schedule.yml has no job {opening.job!r}; `signalroom temporal apply` removes it."
            )
        # a job that was never recorded starts just before this instant
        ledger.recorded_until([job.name], at - timedelta(seconds=1), owner)
        record_due(ledger, [job], owner, now, instant)
    with _one_at_a_time():
        return _take_up(ledger, jobs, opening, run_id, owner)


def _take_up(
    ledger: WorkLedger, jobs: list[Job], opening: Opening, run_id: str, owner: str
) -> Opened:
    instant = clock.instant()
    open_runs = [
        run if workflow_of(run.owner) else executor.freed(ledger, run, instant)
        for run in ledger.open_runs()
    ]
    mine = [run for run in open_runs if run.owner == owner]
    if mine:  # an earlier try of this call claimed it
        return _opened(mine[0], jobs, opening, owner)
    by_name = {job.name: job for job in jobs}
    busy = [run for run in open_runs if run.status == "running"]
    for run in sorted(open_runs, key=executor.urgency):
        is_meant = run.run_id == run_id if run_id else run.job == opening.job
        if not is_meant or run.status == "running":
            continue
        if run.resume_at and run.resume_at > instant:
            continue
        if executor.is_superseded(ledger, run, by_name.get(run.job), open_runs, instant):
            continue
        for other in busy:
            if executor.collide(run, other):
                raise BusyError(other.run_id)
        if ledger.claim(run, owner, instant, LEASE):
            claimed = ledger.run(run.run_id) or run
            deferred, since = executor.inherited(ledger, claimed, open_runs, instant)
            work = Work(claimed, _job(run.job, 60), owner, ledger, Child, Troubles())
            work.begin(instant, deferred, since)
            return _opened(ledger.run(run.run_id) or run, jobs, opening, owner)
    return Opened()


def _opened(run: Run, jobs: list[Job], opening: Opening, owner: str) -> Opened:
    left = [step for step in run.steps if step.status == "pending" or _retries(step)]
    job = chosen_job(run.job, jobs, run.scheduled_for) or _job(run.job, 60)
    reports_at = waits_until(run)
    return Opened(
        run_id=run.run_id,
        job=run.job,
        owner=owner,
        at=run.scheduled_for.isoformat(),
        limit_min=job.limit,
        pulls=[step.subject for step in left if step.kind == "ingest"],
        has_dbt=any(step.kind == "dbt" for step in left),
        reports=[step.subject for step in left if step.kind == "report"],
        notify_success=opening.notify_success or list(job.on_success),
        notify_failure=opening.notify_failure or list(job.on_failure),
        reports_at=reports_at.isoformat() if reports_at else "",
    )


def _record_alone(ledger: WorkLedger, opening: Opening, workflow_id: str, at: datetime) -> str:
    """A run of one pull or one report; the workflow's id is its key."""
    run_id = run_of(workflow_id)
    sources = (opening.source,) if opening.source else ()
    reports = (opening.report,) if opening.report else ()
    name = opening.source or opening.report
    if opening.client:
        name = f"{name}{executor.OF_ONE_CLIENT}{opening.client}"
    job = Job(name, "0 0 * * *", sources, None, reports, 60)
    run = requested(job, "webhook", at, clock.instant())
    steps = tuple(replace(step, run_id=run_id) for step in run.steps if step.kind != "dbt")
    ledger.record(replace(run, run_id=run_id, dedupe_key=run_id, steps=steps))
    return run_id


def work_of(ledger: WorkLedger, given: StepInput, troubles: Troubles, start: Start = Child) -> Work:
    """One step of a run, to be tried once. Raises LostError if the run has another owner."""
    run = ledger.run(given.run_id)
    if run is None or run.owner != given.owner:
        raise LostError(given.run_id)
    job = Job(
        name=given.job,
        cron="0 0 * * *",
        sources=(),
        days=None,
        reports=(),
        limit=given.limit_min,
        clients=(given.client,) if given.client else (),
        resources=tuple(given.resources),
        channels=tuple(given.channels),
        is_sent=given.send,
    )
    mine = [step for step in run.steps if step.step == given.step]
    steps = tuple(_to_be_tried(step, given.again) for step in mine)
    work = Work(
        replace(run, steps=steps), job, given.owner, ledger, start, troubles, is_fenced=True
    )
    work.reports_begun = _has_begun_reports(run)
    work.deadline = deadline_of(run)
    return work


def _to_be_tried(step: Step, again: bool) -> Step:
    """The step, to be started now: Temporal has waited, or found that its worker is gone."""
    ended = step.status in ("done", "off", "skipped") and not again
    return step if ended else replace(step, status="pending", next_at=None)


def finish_run(ledger: WorkLedger, given: Finishing) -> Finished:
    """Close a run whose steps have ended, or let it wait for a vendor; idempotent."""
    run = ledger.run(given.run_id)
    if run is None:
        raise LostError(given.run_id)
    status = run.status
    if run.owner == given.owner and run.status == "running":
        status = _settle(ledger, run, given)
    again = ledger.run(given.run_id)
    resume_at = again.resume_at.isoformat() if again and again.resume_at else ""
    return Finished(status, resume_at if status == "waiting" else "", incidents.work_waits())


def _settle(ledger: WorkLedger, run: Run, given: Finishing) -> str:
    now = clock.instant()
    job = _job(given.job, given.limit_min)
    job = replace(
        job, on_success=tuple(given.notify_success), on_failure=tuple(given.notify_failure)
    )
    pulls = [step for step in run.steps if step.kind == "ingest"]
    nothing_on = bool(pulls) and all(step.status == "off" for step in pulls)
    for step in run.steps:
        is_open = step.status in ("pending", "running") or _retries(step)
        if not (is_open or (given.canceled and step.status == "deferred")):
            continue
        if nothing_on and not given.canceled:
            ledger.change_step(run.run_id, given.owner, step.step, status="off", next_at=None)
            continue
        said = CANCELED if given.canceled else NOT_PULLED
        ledger.change_step(
            run.run_id,
            given.owner,
            step.step,
            status="failed",
            error=step.error or said,
            finished_at=now,
            next_at=None,
        )
        if not given.canceled:
            failures = [("*", "Killed", step.error or said)]
            Troubles(read_schedule()).step_failed(run, step, failures, max(step.attempt, 1))
    current = ledger.run(run.run_id) or run
    work = Work(current, job, given.owner, ledger, Child, Troubles())
    work.reports_begun = _has_begun_reports(current)
    return work.finish(now)


def _has_begun_reports(run: Run) -> bool:
    """Whether a report of the run has begun, so that the heartbeat URL expects its end."""
    return any(step.kind == "report" and step.attempt for step in run.steps)


def left_behind(ledger: WorkLedger) -> Iterator[tuple[Run, str, str]]:
    """Runs owned by workflows, with id and execution, to check whether these still run."""
    for run in ledger.running():
        found = workflow_of(run.owner)
        if found:
            yield run, *found


def renew(ledger: WorkLedger, run: Run) -> None:
    """Extend the lease of a run whose workflow is running."""
    ledger.renew(run.owner or "", clock.instant(), LEASE)


def free(ledger: WorkLedger, run: Run) -> bool:
    """Close a run whose workflow ended without closing it: terminated, or timed out."""
    return ledger.settle(
        run.run_id,
        run.owner or "",
        "failed",
        error="its workflow was ended before the run was over",
        finished_at=clock.instant(),
    )


def waiting_for_a_worker(ledger: WorkLedger) -> list[Run]:
    """Runs that have not begun: triggered by hand without a workflow, or left by an ended one."""
    instant = clock.instant()
    return [
        run
        for run in ledger.open_runs()
        if run.status in ("due", "waiting")
        and run.trigger != COMMAND
        and (run.resume_at is None or run.resume_at <= instant)
        and instant - max(run.created_at, run.resume_at or run.created_at) > timedelta(minutes=1)
    ]


def _job(name: str, limit: int) -> Job:
    return Job(name=name, cron="0 0 * * *", sources=(), days=None, reports=(), limit=limit)


def _retries(step: Step) -> bool:
    return step.status == "waiting" and step.next_at is not None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Otherwise two workers that claim runs at the same time would both find no conflict."""
    work = "taking up a run"
    if target() == "postgres":
        with lock.hold(work):
            yield
    else:
        refusal = f"{work}: {{holder}} does the same."
        with lock.hold_file("claim", work, number("SIGNALROOM_LOCK_WAIT_S"), refusal):
            yield
