"""The activities: each runs one step as a child process, and sends heartbeats to the server.

Thin and synchronous, on a pool with a thread for each slot. An activity runs at least once; the
ledger, the outbox and its keys ensure that nothing is loaded or sent twice. A child is asked to end
and given time, so that a cancellation does not interrupt a commit.
"""

from __future__ import annotations

import contextvars
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, CancelledError

from scheduler.execution.child import GRACE_S, Child, Order, Start, Worker
from scheduler.execution.incidents import Troubles
from scheduler.execution.run import LostError, Work
from scheduler.process import DELIVER
from scheduler.runs.ledger import has_died, this_machine, worker_id_of
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from scheduler.temporal import bookkeeping
from scheduler.temporal.model import (
    BUSY,
    DEFERRED,
    LEDGER_AWAY,
    STOPPED,
    Backfill,
    Delivery,
    Finished,
    Finishing,
    Lease,
    Loaded,
    Opened,
    Opening,
    Sent,
    StepInput,
    StepResult,
)
from signalroom import clock, paths
from signalroom.errors import FINAL, ConfigurationError, SignalRoomError
from signalroom.logs import mask

log = logging.getLogger("scheduler")
BEAT_S = 5.0
LOOK_S = 0.2
BUSY_S = 5
AWAY_S = 10
BACKFILL_LIMIT_S = 24 * 3600.0
SLICE = re.compile(r"\b\d+ of \d+ slices\b")  # in the log of a backfill
defined = activity.defn(no_thread_cancel_exception=True)


class Activities:
    """The activities of one worker."""

    def __init__(self, namespace: str, start: Start = Child) -> None:
        self._namespace, self._start = namespace, start
        self._troubles = Troubles(read_schedule())

    def all(self) -> list[Callable[..., Any]]:
        """Every activity; a worker only gets those of its queues."""
        return [
            self.open_run_activity,
            self.finish_run_activity,
            self.run_pipeline_activity,
            self.run_dbt_activity,
            self.run_report_activity,
            self.run_backfill_activity,
            self.send_notification_activity,
        ]

    @defined
    def open_run_activity(self, opening: Opening) -> Opened:
        """Record what is due and claim a run."""
        info = activity.info()
        workflow_id, execution = str(info.workflow_id), str(info.workflow_run_id)
        owner = bookkeeping.owner_of(self._namespace, workflow_id, execution)
        _rehearse("" if opening.run_id else opening.at)
        with _ledger() as ledger:
            try:
                return bookkeeping.open_run(ledger, opening, owner, workflow_id)
            except bookkeeping.BusyError as busy:
                again_in = timedelta(seconds=BUSY_S)
                raise _failure(f"{busy} has the same sources", BUSY, again_in) from None

    @defined
    def finish_run_activity(self, finishing: Finishing) -> Finished:
        """Close a run in the ledger."""
        _rehearse(finishing.at)
        with _ledger() as ledger:
            return bookkeeping.finish_run(ledger, finishing)

    @defined
    def run_pipeline_activity(self, given: StepInput) -> StepResult:
        """Pull one source."""
        return self._step(given)

    @defined
    def run_dbt_activity(self, given: StepInput) -> StepResult:
        """Build the marts."""
        return self._step(given)

    @defined
    def run_report_activity(self, given: StepInput) -> StepResult:
        """Render and deliver one report."""
        return self._step(given)

    @defined
    def run_backfill_activity(self, asked: Backfill) -> Loaded:
        """Load a long range; a later try does only the rest."""
        order = backfill_order(asked, str(activity.info().workflow_id))
        code = self._to_the_end(order, lambda: slices_done(order))
        if code:
            said = f"the backfill of {asked.source} exits {code}; its log is {order.log}"
            log.warning(said)
            raise _failure(said, "SourceError")
        return Loaded(slices_done(order), code)

    @defined
    def send_notification_activity(self, asked: Delivery | None = None) -> Sent:
        """Send what is open: alerts, and messages that could not be delivered before."""
        _rehearse(asked.at if asked else "")  # an earlier version called without it
        return Sent(self._to_the_end(DELIVER))

    def _to_the_end(self, order: Order, progress: Callable[[], int] = lambda: 0) -> int:
        """Run a child that is not a step of a run; its exit code."""
        child = self._start(order)
        try:
            with _beating(lambda: Lease(_process(child), 0, progress())):
                while (code := child.poll()) is None:
                    if activity.is_cancelled():
                        child.end(GRACE_S)
                        while child.poll() is None:
                            time.sleep(0.05)
                        details = activity.cancellation_details()
                        if details and details.cancel_requested:
                            raise CancelledError("canceled; its process was ended")
                        raise _stopped()
                    time.sleep(LOOK_S)
                return code
        finally:
            child.kill()
            child.close()

    def _step(self, given: StepInput) -> StepResult:
        """One try of a step, in a child process; the ledger has the result."""
        _rehearse(given.at)
        with _ledger() as ledger:
            _end_orphan(ledger, given)
            work: Work | None = None
            try:
                work = bookkeeping.work_of(ledger, given, self._troubles, self._start)
                before = work.steps[0]
                work.advance(clock.instant())
                lease = Lease(_process(work.child), work.steps[0].attempt)
                with _beating(lambda: lease):
                    _move(work, ledger)
            except LostError:
                said = f"{given.step} of {given.run_id} was taken over"
                raise _failure(said, "LostError", is_over=True) from None
            finally:
                if work and work.child:  # always: nothing would watch it any more
                    work.child.kill()
                    work.child.close()
        step = work.steps[0]
        if step.status == before.status and step.status in ("done", "off"):
            return StepResult(step.step, step.status, step.rows or 0)
        _judge(work, given)
        return StepResult(step.step, step.status, step.rows or 0)


def _move(work: Work, ledger: WorkLedger) -> None:
    """Poll the child until it has ended and its result is recorded."""
    while work.child:
        if activity.is_cancelled():
            _end(work, ledger)
        time.sleep(LOOK_S)
        try:
            work.advance(clock.instant())
        except SQLAlchemyError:
            time.sleep(AWAY_S / 10)  # the child goes on, and is recorded once the ledger is back


def _end(work: Work, ledger: WorkLedger) -> NoReturn:
    """End the child; the step is repeated unless it was canceled."""
    child, step = work.child, work.steps[0]
    if child:
        child.end(GRACE_S)
        while child.poll() is None:
            time.sleep(0.05)
        child.kill()
        child.close()
        work.child = None
    details = activity.cancellation_details()
    if details and (details.not_found or details.timed_out):
        raise LostError(work.run.run_id)
    with suppress(SQLAlchemyError):
        ledger.change_step(
            work.run.run_id, work.run.owner or "", step.step, of_try=step.attempt, status="pending"
        )
    if details and details.cancel_requested:
        raise CancelledError("canceled; its process was ended")
    raise _stopped()


def _judge(work: Work, given: StepInput) -> None:
    """Raise the error that tells Temporal whether and when to retry."""
    step = work.steps[0]
    see = f"`signalroom runs show {given.run_id}` has the details"
    classes = sorted({kind for _, kind, _ in work.failures})
    kind = next((one for one in classes if one not in FINAL), classes[0] if classes else "Unknown")
    left = (step.next_at - clock.instant()) if step.next_at else timedelta()
    if step.status == "failed":
        # the ledger has counted its tries: it has ended, whatever the class
        raise _failure(f"{step.step} failed: {see}", kind, is_over=True)
    if step.status == "deferred" and left.total_seconds() <= given.wait_s:
        again_in = max(left, timedelta(seconds=1))
        raise _failure(f"{step.step}: rate-limited; {see}", DEFERRED, again_in)
    if step.status == "waiting" and step.next_at:
        again_in = max(left, timedelta(milliseconds=100))
        raise _failure(f"{step.step} is tried again: {see}", kind, again_in)


def _stopped() -> ApplicationError:
    return _failure("this worker stops; another one continues", STOPPED, timedelta(seconds=1))


def _failure(
    said: str, kind: str, again_in: timedelta | None = None, *, is_over: bool = False
) -> ApplicationError:
    """The error for Temporal: benign, because our log has it in one line, without a traceback."""
    return ApplicationError(
        said,
        type=kind,
        next_retry_delay=again_in,
        non_retryable=is_over,
        category=ApplicationErrorCategory.BENIGN,
    )


@contextmanager
def _beating(lease: Callable[[], Lease]) -> Iterator[None]:
    """Heartbeats from a separate thread: a hanging database is not a dead worker."""
    over = threading.Event()
    context = contextvars.copy_context()

    def beat() -> None:
        while True:
            activity.heartbeat(lease())
            if over.wait(BEAT_S):
                return

    thread = threading.Thread(target=context.run, args=(beat,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _end_orphan(ledger: WorkLedger, given: StepInput) -> None:
    """End what an earlier try left running: its process here, elsewhere its connections."""
    if activity.info().attempt == 1 and not activity.info().heartbeat_details:
        return
    for found in activity.info().heartbeat_details:
        process = found.get("process", "") if isinstance(found, dict) else ""
        place, _, rest = process.rpartition(":")
        place, _, pid = place.rpartition(":")
        if rest and place == this_machine() and not has_died(process):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(int(pid), signal.SIGKILL)
    ledger.end_connections(given.run_id, given.step)


def _process(child: Worker | None) -> str:
    return worker_id_of(child.pid) if isinstance(child, Child) else ""


@contextmanager
def _ledger() -> Iterator[WorkLedger]:
    """The ledger; if it is unavailable, that is not a failed try of a step."""
    try:
        with WorkLedger() as ledger:
            yield ledger
    except ConfigurationError as error:
        said = mask(str(error))
        log.warning(said)
        raise _failure(said, "ConfigurationError", is_over=True) from None
    except (SQLAlchemyError, SignalRoomError) as error:
        said = f"the run ledger is unavailable: {type(error).__name__}"
        log.warning(said)
        raise _failure(said, LEDGER_AWAY, timedelta(seconds=AWAY_S)) from None


def _rehearse(at: str) -> None:
    """In a rehearsal, where the clock is frozen, business time is the instant of the input."""
    if at and clock.is_frozen():
        os.environ["SIGNALROOM_NOW"] = at


def backfill_order(backfill: Backfill, workflow_id: str) -> Order:
    """The command of a backfill; its log is named after the workflow."""
    arguments = ["backfill", backfill.source, "--start", backfill.start, "--end", backfill.end]
    arguments += ["--client", backfill.client] if backfill.client else []
    return Order(
        bookkeeping.run_of(workflow_id),
        (f"ingest:{backfill.source}",),
        tuple(arguments),
        BACKFILL_LIMIT_S,
    )


def slices_done(order: Order) -> int:
    """How many slices the log of a backfill names, including those of earlier tries."""
    try:
        text = (paths.home() / order.log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return len(SLICE.findall(text))
