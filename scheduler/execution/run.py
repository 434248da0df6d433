"""One run being executed: which step is next, its child's results, what is recorded.

Nothing here waits; `advance` is called every second or so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from scheduler.execution import results
from scheduler.execution.child import Order, Start, Worker, last_line
from scheduler.execution.incidents import Troubles, run_over
from scheduler.execution.results import Answer, Outcome
from scheduler.planning import build_limit_s, deadline_of, has_passed, pull_limit_s
from scheduler.runs.ledger import Run, Step
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job
from scheduler.status import heartbeat
from signalroom import tracing
from signalroom.logs import mask

log = logging.getLogger("scheduler")
# A step that crashes the whole process each time is not restarted forever.
MOST_STARTS = 30


class Work:
    """A claimed run. `now` is always the real instant.

    If several processes work for one owner, each on a different step, `is_fenced` prevents a try of
    a step from changing anything after a later one has begun.
    """

    def __init__(
        self,
        run: Run,
        job: Job,
        owner: str,
        ledger: WorkLedger,
        start: Start,
        troubles: Troubles,
        *,
        is_fenced: bool = False,
    ) -> None:
        self.run = run
        self._is_fenced = is_fenced
        self._job = job
        self._owner = owner
        self._ledger = ledger
        self._start = start
        self._troubles = troubles
        self._steps = {step.step: step for step in run.steps}
        self._order: Order | None = None
        self.reports_begun = False
        self.deadline = deadline_of(run)
        self._built_with = 0  # number of pulls built while others were retried
        self.child: Worker | None = None
        self._answers: list[Answer] = []
        self.failures: list[tuple[str, str, str]] = []  # of the last try: client, class, message

    @property
    def steps(self) -> list[Step]:
        """The current state of its steps."""
        return list(self._steps.values())

    def begin(self, now: datetime, deferred: dict[str, datetime], since: dict[str, date]) -> None:
        """Start a claimed run: deferred steps that are due again are pulled again.

        `deferred` are steps that a vendor deferred, passed to another run; `since` are the first
        days that pulls must cover for one.
        """
        again = False
        for step in self.run.steps:
            if step.status == "deferred" and (step.next_at is None or step.next_at <= now):
                self._change(step, status="pending", next_at=None)
                again = True
            if step.step in since and step.since and since[step.step] < step.since:
                self._change(step, since=since[step.step])
            if step.status == "pending" and step.step in deferred:
                self._change(step, status="deferred", next_at=deferred[step.step])
        for step in list(self._steps.values()):
            if again and step.kind != "ingest" and step.status != "pending":
                self._change(step, status="pending", next_at=None, error=None)

    def advance(self, now: datetime) -> bool:
        """One round: check the child, begin the next step. True when nothing is left to do."""
        if self.child and self._order:
            code = self.child.poll()
            self._listen(self.child, self._order, is_over=code is not None)
            if code is None:
                return False
            self._ended(self.child, self._order, code, now)
            self.child.close()
            self.child = self._order = None
        order = self._next(now)
        if order:
            self._begin(order, now)
            return False
        return not any(step.status == "pending" or _retries(step) for step in self._steps.values())

    def finish(self, now: datetime) -> str:
        """Record how the run ended, or until when it waits; returns its status."""
        steps = list(self._steps.values())
        failed = [step for step in steps if step.status == "failed"]
        error = "; ".join(f"{step.step}: {step.error}" for step in failed) or None
        begun = [step.started_at for step in steps if step.started_at]
        if begun:
            tracing.record_run(
                self.run.run_id, min(begun), now, "failed" if failed else "", job=self.run.job
            )
        if self.reports_begun:
            heartbeat.ping("1" if failed else "0", self.run.run_id)
        deferred = [step.next_at for step in steps if step.status == "deferred" and step.next_at]
        if deferred:
            resume_at = min(deferred)
            self._ledger.settle(
                self.run.run_id, self._owner, "waiting", error=error, resume_at=resume_at
            )
            return "waiting"
        status = "done"
        if failed:
            some_done = any(step.status == "done" for step in steps)
            status = "done_with_errors" if some_done else "failed"
        if self._ledger.settle(self.run.run_id, self._owner, status, error=error, finished_at=now):
            run_over(self._job, replace(self.run, steps=tuple(steps)), status, error)
        return status

    def _next(self, now: datetime) -> Order | None:
        """What can start now: all open sources together, then dbt, then a report.

        If no client has any of the run's sources, nothing is built and nothing sent.
        """
        pulls = [step for step in self._steps.values() if step.kind == "ingest"]
        if pulls and all(step.status == "off" for step in pulls):
            for step in [step for step in self._steps.values() if step.status == "pending"]:
                self._change(step, status="off")
        if self._built_with and not self._open("ingest"):
            if self._pulled() > self._built_with:  # rows loaded since are built too
                for step in [
                    one for one in self.steps if (one.kind, one.status) == ("dbt", "done")
                ]:
                    self._change(step, status="pending", next_at=None)
            self._built_with = 0
        for kind in ("ingest", "dbt", "report"):
            still_open = self._open(kind)
            if not still_open:
                continue
            if has_passed(self.deadline) and all(map(_retries, still_open)):
                order = self._beside_retries(kind, now)
                if order or _ready(self._open("report"), now + results.LONGEST):
                    return order  # a report that is retried soon does not wait for a pull either
            ready = _ready(still_open, now)
            return self._order_for(kind, ready) if ready else None
        return None

    def _beside_retries(self, kind: str, now: datetime) -> Order | None:
        """What runs before the next try of steps of a kind, if reports may not wait for it.

        Reports; if sources are retried, first a build of what the others loaded.
        """
        reports = _ready(self._open("report"), now)
        if reports and kind == "ingest" and self._pulled() > self._built_with:
            builds = [step for step in _ready(self._open("dbt"), now) if not _retries(step)]
            if builds:
                self._built_with = self._pulled()
                return self._order_for("dbt", builds)
        return self._order_for("report", reports) if reports else None

    def _pulled(self) -> int:
        """How many pulls loaded rows; each is one source of one client."""
        answers = [
            one
            for step in self.steps
            if step.kind == "ingest"
            for one in step.details.get("clients", {}).values()
        ]
        return sum("rows" in one and not one.get("failures") for one in answers)

    def _open(self, kind: str) -> list[Step]:
        return [
            step
            for step in self._steps.values()
            if step.kind == kind and (step.status == "pending" or _retries(step))
        ]

    def _order_for(self, kind: str, steps: list[Step]) -> Order:
        arguments = ["build", "--changed", "--json"]
        only = [part for client in self._job.clients for part in ("--client", client)]
        if kind == "ingest":
            arguments = ["ingest", *(step.subject for step in steps), "--json", *only]
            arguments += [part for name in self._job.resources for part in ("--resource", name)]
            for step in steps:
                if step.since and step.subject != "s3_exports":
                    arguments += ["--since", f"{step.subject}:{step.since}"]
                for client, answer in step.details.get("clients", {}).items():
                    if not answer.get("failures") and not answer.get("deferred_until"):
                        arguments += ["--skip", f"{step.subject}:{client}"]
        elif kind == "report":
            steps = steps[:1]
            day = self.run.day - timedelta(days=1)
            arguments = ["report", steps[0].subject, "--date", day.isoformat(), *only]
            arguments += [part for name in self._job.channels for part in ("--channel", name)]
            arguments += ["--send", "--when-complete"] if self._job.is_sent else []
            arguments += ["--json"]
        names = tuple(step.step for step in steps)
        limit_s = self._job.limit * 60.0
        if kind == "dbt" and not self.reports_begun:
            limit_s = build_limit_s(self.deadline, limit_s)
        if kind == "ingest" and not self._is_fenced:  # otherwise it goes on during the reports
            limit_s = pull_limit_s(self.deadline, limit_s)
        started = steps[0].attempt + 1 if self._is_fenced else 0
        return Order(self.run.run_id, names, tuple(arguments), limit_s, self._owner, started)

    def _begin(self, order: Order, now: datetime) -> None:
        if order.arguments[0] == "report" and not self.reports_begun:
            self.reports_begun = True
            heartbeat.ping("start", self.run.run_id)
        for name in order.steps:
            step = self._steps[name]
            self._change(
                step,
                status="running",
                attempt=step.attempt + 1,
                started_at=now,  # start of this try: its limit counts from here
                finished_at=None,
                next_at=None,
                log=order.log,
            )
        self._answers = []
        try:
            self.child = self._start(order)
        except OSError as error:  # no space for its log, no more processes
            for name in order.steps:
                said = ("*", "Unknown", f"it cannot begin: {error.strerror or error}")
                self._settle(self._steps[name], Outcome(failures=[said]), now)
            return
        self._order = order
        log.info("%s begins", ", ".join(order.steps), extra={"run_id": self.run.run_id})

    def _listen(self, child: Worker, order: Order, is_over: bool) -> None:
        """Record what is already loaded: if this process ends now, it is not pulled again."""
        heard = child.answers()
        self._answers += heard
        if is_over:
            return
        for name in {f"ingest:{answer['source']}" for answer in heard if "source" in answer}:
            if name in order.steps:
                step = self._steps[name]
                outcome = results.ingest_outcome(step, self._answers, None)
                tries = int(step.details.get("tries", 0))  # before this one
                self._change(step, detail=_detail(outcome, tries=tries), rows=outcome.rows)

    def _ended(self, child: Worker, order: Order, code: int, now: datetime) -> None:
        end = None
        is_due = False
        if code:
            end = results.ended_badly(code, child.over_limit, order.limit_s, last_line(order))
            is_early = child.over_limit and order.limit_s < self._job.limit * 60
            if is_early and has_passed(self.deadline):
                is_due = True
                end = "Killed", f"ended after {order.limit_s / 60:.0f} minutes: its report was due"
        for name in order.steps:
            step = self._steps[name]
            if step.kind == "ingest":
                outcome = results.ingest_outcome(step, self._answers, end)
            elif step.kind == "dbt":
                outcome = results.dbt_outcome(self._answers, end)
            else:
                outcome = results.report_outcome(self._answers, end)
            self._settle(step, outcome, now, is_due)

    def _settle(self, step: Step, outcome: Outcome, now: datetime, is_due: bool = False) -> None:
        """Record one try of a step: done, retry later, deferred, or permanently failed.

        One that was ended because its report was due may have been working: it keeps its tries.
        """
        about = {"run_id": self.run.run_id, "step": step.step}
        self.failures = outcome.failures
        failed = int(step.details.get("tries", 0)) + (not is_due)
        allowed = max((results.tries(kind, said) for _, kind, said in outcome.failures), default=0)
        error = mask(outcome.error) if outcome.error else None
        values: dict[str, Any] = {"finished_at": now, "rows": outcome.rows, "error": error}
        if outcome.failures and failed < allowed and step.attempt < MOST_STARTS:
            next_at = max(now + results.pause(failed), outcome.retry_at or now)
            values |= {"status": "waiting", "next_at": next_at}
            values["detail"] = _detail(outcome, tries=failed)
            entry = (logging.WARNING, f"{step.step}, try {step.attempt}: {error}")
        elif outcome.deferred_until and outcome.deferred_until > now:
            values |= {"status": "deferred", "next_at": outcome.deferred_until}
            values["error"] = mask(error or outcome.deferred or "")
            entry = (logging.WARNING, f"{step.step} deferred: {values['error']}")
        elif outcome.failures:
            values["status"] = "failed"
            entry = (logging.ERROR, f"{step.step} failed: {error}")
        else:
            values["status"] = "waiting" if outcome.waits else "off" if outcome.is_off else "done"
            entry = (logging.INFO, f"{step.step} {values['status']}")
        values.setdefault("detail", _detail(outcome))
        self._change(step, **values)  # a process that has lost the step does not report it
        log.log(entry[0], "%s", entry[1], extra=about)
        if values["status"] == "failed":
            self._troubles.step_failed(self.run, step, outcome.failures, failed)
        if values["status"] in ("done", "failed"):
            failing = {client for client, _, _ in outcome.failures}
            if "*" not in failing:  # an error for all clients says nothing about one
                well = {*outcome.clients, *(() if failing else "*")} - failing
                self._troubles.step_done(step, frozenset(well))

    def _change(self, step: Step, **values: Any) -> None:
        current = self._steps[step.step].attempt if self._is_fenced else None
        if self._ledger.change_step(
            self.run.run_id, self._owner, step.step, of_try=current, **values
        ):
            self._steps[step.step] = replace(self._steps[step.step], **values)
        else:
            raise LostError(self.run.run_id)


class LostError(Exception):
    """Another process has the run now; this one must stop working on it."""


def _ready(steps: Sequence[Step], now: datetime) -> list[Step]:
    return [step for step in steps if step.next_at is None or step.next_at <= now]


def _retries(step: Step) -> bool:
    """Whether a step is to be retried; a report that waits for its data has no next time."""
    return step.status == "waiting" and step.next_at is not None


def _detail(outcome: Outcome, **more: object) -> str:
    found = {**outcome.more, **more}
    if outcome.clients:
        found["clients"] = outcome.clients
    return mask(json.dumps(found, default=str))
