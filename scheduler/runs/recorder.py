"""A run that a command executes itself, recorded in the ledger as it goes.

Other processes see it like any other run: its steps, its heartbeat, its end. It is not resumed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from scheduler.runs.ledger import Run, worker_id
from scheduler.runs.work_ledger import LEASE, RENEW_EVERY, WorkLedger
from signalroom import clock, current_run, settings, tracing
from signalroom.errors import SignalRoomError, WarehouseError
from signalroom.logs import mask
from signalroom.progress import Progress
from signalroom.warehouse import first_line


class Recorder:
    """Records a run and its steps; use it as a context manager.

    On the embedded warehouse a ledger that cannot be opened does not stop the work: a note names
    it.
    """

    def __init__(self, run: Run, progress: Progress) -> None:
        self._run = run
        self._progress = progress
        self._owner = worker_id()
        self._ledger: WorkLedger | None = None
        self._over = threading.Event()
        self._states: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._open = ExitStack()
        self._begun = clock.instant()

    def __enter__(self) -> Self:
        self._open.enter_context(current_run.working_for(self._run.run_id))
        try:
            ledger = WorkLedger()
        except WarehouseError as error:
            if settings.target() == "postgres":
                self._open.close()
                raise
            self._progress.note(f"this run is not recorded: {error}")
            return self
        self._ledger = ledger
        instant = clock.instant()
        self._ledger.record(
            replace(
                self._run,
                status="running",
                owner=self._owner,
                leased_until=instant + LEASE,
                started_at=instant,
                attempt=1,
            )
        )
        threading.Thread(target=self._renew, name="lease", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        self._open.close()
        failed = type(error).__name__ if error else "failed" if self._errors else ""
        now = clock.instant()
        tracing.record_run(self._run.run_id, self._begun, now, failed, job=self._run.job)
        if self._ledger is None:
            return
        try:
            status, said = self._end(error)
            self._ledger.settle(
                self._run.run_id, self._owner, status, error=said, finished_at=clock.instant()
            )
        except SQLAlchemyError as away:
            self._progress.note(f"the end of this run is not recorded: {first_line(away)}")
        finally:
            self._ledger.close()

    def begin(self, step: str) -> None:
        """Record that a step begins."""
        self._change(step, status="running", attempt=1, started_at=clock.instant())

    def end(
        self,
        step: str,
        failures: Sequence[str],
        *,
        status: str = "done",
        rows: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Record that a step has ended: failed if there are failures, otherwise with `status`."""
        error = mask("; ".join(failures)) or None
        self._states[step] = "failed" if failures else status
        if error:
            self._errors[step] = error
        self._change(
            step,
            status=self._states[step],
            finished_at=clock.instant(),
            rows=rows,
            error=error,
            detail=mask(json.dumps(detail or {}, default=str)),
        )

    def _end(self, error: BaseException | None) -> tuple[str, str | None]:
        """Status and error of the run."""
        said = "; ".join(f"{step}: {words}" for step, words in self._errors.items()) or None
        if isinstance(error, SignalRoomError):
            return "failed", mask(str(error))
        if error is not None:
            return "failed", "interrupted" if isinstance(error, KeyboardInterrupt) else repr(error)
        if said is None:
            return "done", None
        some_done = any(state == "done" for state in self._states.values())
        return "done_with_errors" if some_done else "failed", said

    def _change(self, step: str, **values: Any) -> None:
        if self._ledger is None:
            return
        try:
            self._ledger.change_step(self._run.run_id, self._owner, step, **values)
        except SQLAlchemyError as error:
            self._progress.note(f"{step} is not recorded: {first_line(error)}")

    def _renew(self) -> None:
        """Renew the lease in a separate thread while the command runs."""
        while self._ledger and not self._over.wait(RENEW_EVERY.total_seconds()):
            try:
                self._ledger.renew(self._owner, clock.instant())
            except SQLAlchemyError:
                continue  # the next one may succeed; an expired lease is harmless here
