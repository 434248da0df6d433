"""Failures that stay, told to whoever sends alerts; trouble with telling stops no work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from reports import incidents
from scheduler.records import Run, Step
from scheduler.schedule import Job
from signalroom.errors import SignalRoomError

log = logging.getLogger("scheduler")
KIND = "step_failed"


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SignalRoomError as error:
        log.warning("an alert could not be written down: %s", error)


def step_failed(run: Run, step: Step, client_id: str, said: str, tries: int) -> None:
    """Open an incident for a step that failed for good, or count it in."""
    kept = {
        "ingest": "The tables keep what they had; other sources go on.",
        "dbt": "The marts keep what they had; reports say how fresh their numbers are.",
        "report": "What was delivered stays delivered; nothing is sent twice.",
    }[step.kind]
    again = "once" if tries == 1 else f"{tries} times"
    with _told():
        incidents.report_trouble(
            incidents.Trouble(
                kind=KIND,
                client_id=client_id,
                subject=step.step,
                severity="critical",
                title=f"{step.step} failed in {run.job}",
                detail=f"Tried {again}: {said} {kept}",
                repair=f"`signalroom runs show {run.run_id}` has the details; "
                f"`signalroom trigger {run.job}` runs it again.",
            )
        )


def step_done(step: Step, client_ids: frozenset[str]) -> None:
    """Close what was open of a step that now ended well."""
    with _told():
        for client_id in sorted(client_ids | {"*"}):
            incidents.settle_trouble(KIND, client_id, step.step)


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
