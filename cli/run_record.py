"""Runs and steps as JSON and as words, the same in `status` and in `runs`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from scheduler.runs.model import Run, Step
from scheduler.status.status import duration
from signalroom import clock
from signalroom.masking import mask

# How a status looks on a terminal; what is missing is plain.
STYLES = {
    "done": "green",
    "done_with_errors": "yellow",
    "failed": "red",
    "running": "cyan",
    "waiting": "yellow",
    "deferred": "yellow",
    "skipped": "dim",
}


def run_record(run: Run, instant: datetime, *, with_steps: bool = False) -> dict[str, Any]:
    """A run as JSON has it; times with their offset, durations in seconds."""
    record: dict[str, Any] = {
        "run_id": run.run_id,
        "job": run.job,
        "trigger": run.trigger,
        "status": run.status,
        "day": run.day.isoformat(),
        "attempt": run.attempt,
        "rows": run.rows,
        **_instants(run, "scheduled_for", "started_at", "finished_at", "resume_at"),
        "duration_s": seconds(duration(run, instant)),
        "error": mask(run.error) if run.error else None,
    }
    if with_steps:
        record["steps"] = [_step_record(step, instant) for step in run.steps]
    return record


def _step_record(step: Step, instant: datetime) -> dict[str, Any]:
    return {
        "step": step.step,
        "status": step.status,
        "attempt": step.attempt,
        "rows": step.rows,
        **_instants(step, "started_at", "finished_at", "next_at"),
        "duration_s": seconds(duration(step, instant)),
        "error": mask(step.error) if step.error else None,
        "log": step.log,
        "detail": step.details,
    }


def _instants(one: Run | Step, *names: str) -> dict[str, str | None]:
    return {name: local_iso(getattr(one, name)) for name in names}


def local_iso(moment: datetime | None) -> str | None:
    """An instant with the offset of the business zone."""
    return moment.astimezone(clock.zone()).isoformat() if moment else None


def seconds(span: timedelta | None) -> float | None:
    """A duration in seconds."""
    return round(span.total_seconds(), 3) if span is not None else None


def styled(status: str) -> str:
    """A status, coloured."""
    words = status.replace("_", " ")
    return f"[{STYLES[status]}]{words}[/]" if status in STYLES else words
