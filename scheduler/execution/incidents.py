"""Failures that stay, recorded for the alerts; an error while recording stops no work."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from reports.alerts import incidents
from scheduler.runs.model import Run, Step
from scheduler.schedule import Job
from signalroom.errors import SignalRoomError

log = logging.getLogger("scheduler")
KIND = "step_failed"
ASK_EVERY_S = 300.0
KEPT = {
    "ingest": "The tables keep what they had; other sources go on.",
    "dbt": "The marts keep what they had; reports say how fresh their numbers are.",
    "report": "What was delivered stays delivered; nothing is sent twice.",
}


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SignalRoomError as error:
        log.warning("an alert could not be written down: %s", error)


class Troubles:
    """What of our steps is wrong, as far as is known here; asked for again every few minutes."""

    def __init__(self) -> None:
        self._open: set[tuple[str, str]] = set()  # client, step
        self._ask_at = 0.0

    def step_failed(self, run: Run, step: Step, client_id: str, said: str, tries: int) -> None:
        """Open an incident for a step that failed for good, or count it in."""
        self._open.add((client_id, step.step))
        with _told():
            incidents.report_trouble(
                incidents.Trouble(
                    kind=KIND,
                    client_id=client_id,
                    subject=step.step,
                    severity="critical",
                    title=f"{step.step} failed in {run.job}",
                    detail=f"Tried {'once' if tries == 1 else f'{tries} times'}: {said} "
                    f"{KEPT[step.kind]}",
                    repair=f"`signalroom runs show {run.run_id}` has the details; "
                    f"`signalroom trigger {run.job}` runs it again.",
                )
            )

    def step_done(self, step: Step, client_ids: frozenset[str]) -> None:
        """Close what was open of a step that now ended well."""
        with _told():
            self._ask()
            for client_id in sorted(client_ids | {"*"}):
                if (client_id, step.step) in self._open:
                    incidents.settle_trouble(KIND, client_id, step.step)
                    self._open.discard((client_id, step.step))

    def _ask(self) -> None:
        """What an earlier process, or another one, left open."""
        if time.monotonic() >= self._ask_at:
            mine = [one for one in incidents.open_incidents() if one.kind == KIND]
            self._open |= {(one.client_id, one.subject) for one in mine}
            self._ask_at = time.monotonic() + ASK_EVERY_S


def run_over(job: Job, run: Run, status: str, error: str | None) -> None:
    """Tell the channels that the job names how a run ended."""
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
    with _told():
        incidents.notice("*", f"{run.job} {status.replace('_', ' ')}", detail, channels)


def _rows(step: Step) -> str:
    return f"{step.rows:,} rows, " if step.rows is not None else ""


def _seconds(step: Step) -> str:
    if step.started_at is None or step.finished_at is None:
        return "done"
    return f"{(step.finished_at - step.started_at).total_seconds():.0f} s"
