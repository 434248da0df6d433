"""Follows one run to its end: a running scheduler executes it, or this process does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from scheduler.execution.child import Start
from scheduler.execution.executor import Executor
from scheduler.runs.ledger import OPEN_RUNS, Run, has_died
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job
from signalroom import clock
from signalroom.errors import WarehouseError

FRESH = timedelta(minutes=3)
STOP_WITHIN_S = 20.0
TURN_S = 0.5


def scheduler_lives(ledger: WorkLedger) -> bool:
    """Whether a scheduler works on this ledger: its heartbeat is recent, and it has not died."""
    beat = ledger.beat()
    if beat is None or abs(clock.instant() - beat.at) > FRESH:
        return False
    return not has_died(beat.owner)


def follow(
    ledger: WorkLedger,
    jobs: Sequence[Job],
    run_id: str,
    say: Callable[[str], None],
    start: Start | None = None,
    *,
    is_watched_only: bool = False,
) -> Run:
    """Wait for a run's end, or until it is deferred; execute it here if no scheduler runs.

    `is_watched_only` always leaves the work to others. `say` gets a line for each step that ends.
    An interrupted run is released, to be resumed.
    """
    executor = Executor(ledger, jobs, only=run_id, start=start)
    shown: set[tuple[str, str, int]] = set()
    try:
        while True:
            if not is_watched_only and (executor.works or not scheduler_lives(ledger)):
                executor.turn()
            run = ledger.run(run_id)
            if run is None:
                raise WarehouseError(f"{run_id} is no longer in the run ledger.")
            for step in run.steps:
                news = (step.step, step.status, step.attempt)
                if step.status not in ("pending", "running") and news not in shown:
                    shown.add(news)
                    say(f"{step.step}: {step.status}{f' ({step.error})' if step.error else ''}")
            put_off = run.status == "waiting" and run.resume_at and run.resume_at > clock.instant()
            if run.status not in OPEN_RUNS or put_off:
                return run
            executor.wait(TURN_S)
    finally:
        executor.stop(STOP_WITHIN_S)
