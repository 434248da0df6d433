"""A run as it is recorded: its name, its steps, the days that its pulls cover."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta

from scheduler.due import Turn
from scheduler.runs.model import Run, Step
from scheduler.schedule import Job
from signalroom import clock
from signalroom.settings import window_days


def scheduled(turn: Turn, instant: datetime) -> Run:
    """The run of one instant of the schedule; one that policy leaves out has no steps."""
    at = turn.at.strftime("%Y%m%dT%H%MZ")
    day = clock.local_date(turn.at)
    run_id = f"{turn.job.name}-{at}"
    return Run(
        run_id=run_id,
        dedupe_key=f"{turn.job.name}:{turn.at:%Y-%m-%dT%H:%MZ}",
        job=turn.job.name,
        scheduled_for=turn.at,
        day=day,
        trigger="schedule",
        status="skipped" if turn.skipped else "due",
        created_at=instant,
        finished_at=instant if turn.skipped else None,
        error=turn.skipped or None,
        steps=() if turn.skipped else _steps(turn.job, run_id, day),
    )


def asked(job: Job, trigger: str, now: datetime, instant: datetime) -> Run:
    """A run that somebody asks for now; `trigger` is `manual` or `webhook`."""
    key = uuid.uuid4().hex[:8]
    run_id = f"{job.name}-{trigger}-{key}"
    day = clock.local_date(now)
    return Run(
        run_id=run_id,
        dedupe_key=run_id,
        job=job.name,
        scheduled_for=now,
        day=day,
        trigger=trigger,
        status="due",
        created_at=instant,
        steps=_steps(job, run_id, day),
    )


def _steps(job: Job, run_id: str, day: date) -> tuple[Step, ...]:
    names = [f"ingest:{source}" for source in job.sources]
    if job.sources:
        names.append("dbt")
    names += [f"report:{report}" for report in job.reports]
    return tuple(
        Step(run_id, name, position, since=_since(job, name, day))
        for position, name in enumerate(names)
    )


def _since(job: Job, step: str, day: date) -> date | None:
    """The first day of a pull, fixed here: one that was cut is repeated over the same days."""
    kind, _, source = step.partition(":")
    if kind != "ingest":
        return None
    if job.days is not None:
        return day - timedelta(days=job.days)
    return day - timedelta(days=window_days("recent", source) - 1)
