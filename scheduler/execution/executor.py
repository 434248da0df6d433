"""The executor: claims runs from the ledger and executes them, several at a time, never twice.

The ledger has all state; nothing is kept here that a restart would lose. Dead owners lose their
runs, newer runs replace older ones, and conflicting runs never overlap: Temporal's workflows claim
by the same rules.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from scheduler.execution.child import Start
from scheduler.execution.incidents import Troubles
from scheduler.execution.run import LostError, Work
from scheduler.execution.warm import Warm
from scheduler.runs.ledger import COMMAND, SUPERSEDED, Run, has_died, worker_id
from scheduler.runs.work_ledger import RENEW_EVERY, WorkLedger
from scheduler.schedule import Job
from signalroom import clock
from signalroom.warehouse import first_line

log = logging.getLogger("scheduler")
PARALLEL = 4
LOOK_EVERY = timedelta(seconds=1)
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
    if not (expired or is_dropped or has_died(run.owner)):
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


class Executor:
    """Executes what is due in the ledger; `turn` is called repeatedly and never waits.

    With `only` it claims no other run. `instant` is the real clock.
    """

    def __init__(
        self,
        ledger: WorkLedger,
        jobs: Sequence[Job],
        *,
        only: str | None = None,
        owner: str | None = None,
        instant: Callable[[], datetime] = clock.instant,
        start: Start | None = None,
    ) -> None:
        self.owner = owner or worker_id()
        self.works: dict[str, Work] = {}
        self._ledger = ledger
        self._jobs = {job.name: job for job in jobs}
        self._only = only
        self._instant = instant
        self._warm = Warm()
        self._start = start or self._warm
        self._renew_at = self._look_at = instant()
        self._troubles = Troubles(jobs)
        self._has_built = False

    def turn(self) -> None:
        """One round: renew the leases, claim what is possible, advance all runs.

        While the ledger is unavailable, running children go on, and are recorded once it is back.
        """
        now = self._instant()
        try:
            self._keep_leases(now)
            self._take_up(now)
        except SQLAlchemyError as error:
            log.warning("run database unavailable: %s", first_line(error))
        for run_id, work in list(self.works.items()):
            self._move(run_id, work)
        if not self.works:
            self._warm.end()

    def wait(self, most_s: float) -> None:
        """Wait that long, or until the child ends if only one is running."""
        children = [work.child for work in self.works.values() if work.child]
        if len(children) == 1:
            children[0].wait(most_s)
        else:
            time.sleep(most_s)

    def has_built(self) -> bool:
        """Whether a run that built the marts has ended since the last call."""
        built, self._has_built = self._has_built, False
        return built

    def stop(self, within_s: float) -> None:
        """End all children and release the runs, to be resumed at the interrupted step."""
        for work in self.works.values():
            if work.child:
                work.child.end(within_s)
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            if all(
                work.child is None or work.child.poll() is not None for work in self.works.values()
            ):
                break
            time.sleep(0.05)
        for work in self.works.values():
            if work.child:
                work.child.kill()
                work.child.close()
        for run_id in self.works:
            try:
                self._ledger.release(run_id, self.owner, self._instant())
            except SQLAlchemyError as error:  # one timeout of a frozen server is enough
                said = f"released when the lease expires: {first_line(error)}"
                log.warning("%s: %s", ", ".join(self.works), said)
                break
        self.works.clear()
        self._warm.end()

    def _move(self, run_id: str, work: Work) -> None:
        try:
            if work.advance(self._instant()):
                status = work.finish(self._instant())
                del self.works[run_id]
                self._has_built |= any(
                    step.kind == "dbt" and step.status == "done" for step in work.steps
                )
                self._look_at = self._instant()
                log.info("%s %s", run_id, status, extra={"run_id": run_id})
        except LostError:
            log.warning("%s taken over by another process; releasing", run_id)
            self._drop(run_id)
        except SQLAlchemyError as error:
            log.warning("%s: run database unavailable: %s", run_id, first_line(error))

    def _drop(self, run_id: str) -> None:
        work = self.works.pop(run_id)
        if work.child:
            work.child.kill()
            work.child.close()

    def _keep_leases(self, now: datetime) -> None:
        if not self.works or _is_ahead(self._renew_at, now, RENEW_EVERY):
            return
        mine = self._ledger.renew(self.owner, now)
        for run_id in self.works.keys() - mine:
            log.warning("%s taken over by another process; releasing", run_id)
            self._drop(run_id)
        self._renew_at = now + RENEW_EVERY

    def _take_up(self, now: datetime) -> None:
        """Claim what can begin: a few at a time, no job twice, no source by two runs at once."""
        if _is_ahead(self._look_at, now, LOOK_EVERY):
            return
        self._look_at = now + LOOK_EVERY
        open_runs = [
            run if run.run_id in self.works else freed(self._ledger, run, now, self.owner)
            for run in self._ledger.open_runs()
        ]
        busy = [run for run in open_runs if run.status == "running"]
        # runs that people wait for go before those that only load
        for run in sorted(open_runs, key=urgency):
            if run.status not in ("due", "waiting") or (run.resume_at and run.resume_at > now):
                continue
            if self._only not in (None, run.run_id) or is_superseded(
                self._ledger, run, self._jobs.get(run.job), open_runs, now
            ):
                continue
            if len(self.works) >= PARALLEL or any(collide(run, other) for other in busy):
                continue
            if self._ledger.claim(run, self.owner, now):
                self._begin(run, open_runs, now)
                busy.append(run)

    def _begin(self, run: Run, open_runs: Sequence[Run], now: datetime) -> None:
        """Start a claimed run, and take over what waits in older ones for the same source."""
        job = self._jobs.get(run.job) or _unknown(run.job)
        claimed = self._ledger.run(run.run_id) or run
        deferred, since = inherited(self._ledger, claimed, open_runs, now)
        work = Work(claimed, job, self.owner, self._ledger, self._start, self._troubles)
        self.works[run.run_id] = work
        work.begin(now, deferred, since)


def _is_ahead(then: datetime, now: datetime, pause: timedelta) -> bool:
    """Whether a moment is in the future; if further than the pause, the clock was set back."""
    return now < then <= now + pause


def _unknown(name: str) -> Job:
    """A job that the schedule no longer has; what was begun is completed."""
    return Job(name=name, cron="0 0 * * *", sources=(), days=None, reports=(), limit=60)
