"""Which process may claim which run.

Dead owners lose their runs, newer runs replace older ones, and conflicting runs never overlap.
Both engines decide here: the executor of the scheduler, and Temporal's workflows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime

from scheduler.runs import owner as owners
from scheduler.runs.model import COMMAND, SUPERSEDED, Run
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job

log = logging.getLogger("scheduler")
OF_ONE_CLIENT = ":"  # separator in the job name of a run that pulls one source for one client


def freed(ledger: WorkLedger, run: Run, now: datetime, me: str = "") -> Run:
    """The run's current state; one whose owner has died is released at once.

    So is one of `me`, the caller, which is not working on it: claimed, but never begun, because the
    ledger became unavailable in between.
    """
    if run.status != "running" or not run.owner:
        return run
    expired = run.leased_until is not None and run.leased_until < now
    is_dropped = run.owner == me and run.trigger != COMMAND
    if not (expired or is_dropped or owners.has_died(run.owner)):
        return run
    if run.trigger == COMMAND:
        # ends with the command; it is not resumed
        ledger.settle(run.run_id, run.owner, "failed", error="interrupted", finished_at=now)
        return ledger.run(run.run_id) or run
    if ledger.release(run.run_id, run.owner, now):
        ended = ledger.end_connections(run.run_id)
        said = f", {ended} database connections ended" if ended else ""
        log.warning("%s was interrupted; resuming%s", run.run_id, said)
        return ledger.run(run.run_id) or run
    return run


def is_superseded(
    ledger: WorkLedger, run: Run, job: Job | None, open_runs: Sequence[Run], now: datetime
) -> bool:
    """Whether a newer run of the same job supersedes one that has not begun; it is then skipped."""
    if run.status != "due" or run.trigger != "schedule" or not job or job.catch_up == "all":
        return False
    newer = [
        other
        for other in open_runs
        if other.job == run.job
        and other.status == "due"
        and other.trigger == "schedule"
        and other.scheduled_for > run.scheduled_for
    ]
    if not newer:
        return False
    reason = f"{SUPERSEDED}{newer[-1].run_id}"
    if ledger.skip(run.run_id, reason, now):
        log.info("%s skipped: %s", run.run_id, reason, extra={"run_id": run.run_id})
    return True


def inherited(
    ledger: WorkLedger, claimed: Run, open_runs: Sequence[Run], now: datetime
) -> tuple[dict[str, datetime], dict[str, date]]:
    """What a claimed run takes over from older ones that wait for the same sources.

    By step: until when a vendor deferred it, and the first day that its pull must cover. What
    someone asks for is requested at once.
    """
    deferred: dict[str, datetime] = {}
    since: dict[str, date] = {}
    for other in open_runs:
        if other.run_id == claimed.run_id or other.status != "waiting":
            continue
        put_off = {
            step.step: step for step in other.steps if step.status == "deferred" and step.next_at
        }
        shared = put_off.keys() & {step.step for step in claimed.steps}
        for name in shared:
            next_at = put_off[name].next_at
            if next_at and next_at > now and claimed.trigger == "schedule":
                deferred[name] = max(next_at, deferred.get(name, next_at))
        if shared == put_off.keys() and _reports(other) <= _reports(claimed):
            names = sorted(shared)
            if shared and ledger.hand_over(other, names, claimed.run_id, now):
                since |= _earliest(since, other)
    return deferred, since


def collide(run: Run, other: Run) -> bool:
    """Whether two runs may not run at the same time: of one job, or with a source in common.

    Two that pull a source for one client each only collide for the same client.
    """
    if OF_ONE_CLIENT in run.job and OF_ONE_CLIENT in other.job:
        return run.job == other.job
    return run.job == other.job or bool(run.sources & other.sources)


def urgency(run: Run) -> tuple[bool, datetime]:
    """The order in which runs are claimed: those that people wait for come before plain loads."""
    return not _reports(run), run.scheduled_for


def _reports(run: Run) -> frozenset[str]:
    return frozenset(step.subject for step in run.steps if step.kind == "report")


def _earliest(since: dict[str, date], run: Run) -> dict[str, date]:
    return {
        step.step: min(step.since, since.get(step.step, step.since))
        for step in run.steps
        if step.since
    }
