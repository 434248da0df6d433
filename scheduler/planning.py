"""A run as planned: its name, its steps, the days that its pulls cover, how long reports wait."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ingest.registry import NAMES
from scheduler.runs.ledger import COMMAND, SUPERSEDED, Run, Step
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job, due_between, report_deadline
from signalroom import clock
from signalroom.errors import ConfigurationError
from signalroom.settings import window_days
from signalroom.times import span

log = logging.getLogger("scheduler")
COMMAND_JOB = "run"  # the ledger's name for a run of `signalroom run`
# Older instants are not recorded: they are useless after such a long outage.
HORIZON = timedelta(days=35)
# A run that begins no later than this was not missed.
PUNCTUAL = timedelta(minutes=10)
# A working build is not killed for starting late; it takes a minute or two.
LEAST_S = 600.0
# For a run that begins just before the deadline: most failures succeed at the next try.
PATIENCE = timedelta(minutes=2)
# For one that begins at the deadline or later: a pull that works loads most gaps in this time.
LATE = timedelta(minutes=10)


@dataclass(frozen=True)
class Turn:
    """One instant at which a job was due; `skipped` is why it does not run, empty if it runs."""

    job: Job
    at: datetime
    skipped: str = ""


def due(job: Job, last: datetime, now: datetime) -> list[Turn]:
    """The job's instants after `last` (the last recorded one) up to `now`, oldest first."""
    instants = [one.at for one in due_between([job], max(last, now - HORIZON), now)]
    return [Turn(job, at, _reason(job, at, instants[-1], now)) for at in instants]


def _reason(job: Job, at: datetime, newest: datetime, now: datetime) -> str:
    late = now - at
    missed = f"missed by {span(late, with_seconds=False)}"
    if job.catch_up == "skip" and late > PUNCTUAL:
        return f"{missed}; this job is not caught up"
    if late > max(job.within, PUNCTUAL):
        return f"{missed}, longer than the {span(job.within, with_seconds=False)} of catch-up"
    if job.catch_up == "latest" and at != newest:
        return f"{SUPERSEDED}the run of {newest:%Y-%m-%d %H:%M} UTC; {missed}"
    return ""


def scheduled(turn: Turn, instant: datetime) -> Run:
    """The run of one instant of the schedule; one skipped by policy has no steps."""
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


def requested(job: Job, trigger: str, now: datetime, instant: datetime) -> Run:
    """A run that is triggered now; `trigger` is `manual` or `webhook`."""
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


def chosen_job(name: str, jobs: Sequence[Job], now: datetime) -> Job | None:
    """A job by its name; for a source's name, one that pulls it, builds, and sends what is due.

    Due are reports that some job with the source had to send since midnight of business time. None
    for an unknown name.
    """
    found = next((job for job in jobs if job.name == name), None)
    if found or name not in NAMES:
        return found
    mine = [job for job in jobs if name in job.sources]
    begun = {one.job.name for one in due_between(mine, clock.midnight(clock.local_date(now)), now)}
    reports = [report for job in mine if job.name in begun for report in job.reports]
    return Job(
        name=name,
        cron="0 0 * * *",
        sources=(name,),
        days=None,
        reports=tuple(dict.fromkeys(reports)),
        limit=max((job.limit for job in mine), default=60),
    )


def by_command(
    sources: Sequence[str],
    reports: Sequence[str],
    since: Mapping[str, date],
    now: datetime,
    instant: datetime,
) -> Run:
    """The run of `signalroom run`, which executes its steps itself."""
    run_id = f"{COMMAND_JOB}-{now:%Y%m%dT%H%MZ}-{uuid.uuid4().hex[:4]}"
    names = [*(f"ingest:{source}" for source in sources), "dbt"]
    names += [f"report:{report}" for report in reports]
    return Run(
        run_id=run_id,
        dedupe_key=run_id,
        job=COMMAND_JOB,
        scheduled_for=now,
        day=clock.local_date(now),
        trigger=COMMAND,
        status="due",
        created_at=instant,
        steps=tuple(
            Step(run_id, name, position, since=since.get(name.partition(":")[2]))
            for position, name in enumerate(names)
        ),
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
    """The first day of a pull, fixed here: an interrupted pull is repeated over the same days."""
    kind, _, source = step.partition(":")
    if kind != "ingest":
        return None
    if job.days is not None:
        return day - timedelta(days=job.days)
    return day - timedelta(days=window_days("recent", source) - 1)


def record_due(
    ledger: WorkLedger, jobs: Sequence[Job], owner: str, now: datetime, instant: datetime
) -> int:
    """Record every run that came due up to `now` (business time); returns how many are new.

    A job that is new to the ledger starts now: its past does not count.
    """
    until = ledger.recorded_until([job.name for job in jobs], now, owner)
    paused = ledger.paused_jobs(now)
    found = 0
    for job in jobs:
        if until[job.name] > now + PUNCTUAL:
            until[job.name] = _right_the_clock(ledger, job, until[job.name], now)
        turns = due(job, until[job.name], now)
        if job.name in paused:
            turns = [replace(turn, skipped=paused[job.name].text()) for turn in turns]
        for turn in turns:
            if ledger.record(scheduled(turn, instant)):
                found += 1
                said = turn.skipped or "is queued"
                log.info("%s of %s UTC %s", job.name, f"{turn.at:%Y-%m-%d %H:%M}", said)
        if turns:  # after they are recorded: a crash in between loses nothing
            ledger.advance(job.name, turns[-1].at)
    return found


def _right_the_clock(ledger: WorkLedger, job: Job, ahead: datetime, now: datetime) -> datetime:
    """Undo what was recorded while the clock was ahead; until when the schedule is recorded now."""
    since = now - max(job.within, PUNCTUAL)
    since, undone = ledger.step_back(job.name, now, since)
    log.warning(
        "%s is recorded up to %s UTC, which is still to come: the clock was ahead. Its schedule "
        "continues from %s UTC; %d runs are undone.",
        job.name,
        f"{ahead:%Y-%m-%d %H:%M}",
        f"{now:%Y-%m-%d %H:%M}",
        len(undone),
    )
    return since


def deadline_of(run: Run) -> datetime | None:
    """When, in business time, the run's reports are sent with the available data, if it begins now.

    A run that begins at the deadline or later, such as one that is caught up, has ten minutes: its
    reports would be INCOMPLETE for no other reason than the time that its pulls take. None if it
    has no reports, or is scheduled for after the deadline: then it sends corrections.
    """
    with suppress(ConfigurationError):
        at = datetime.combine(run.day, report_deadline(), tzinfo=clock.zone())
        if run.scheduled_for <= at and any(step.kind == "report" for step in run.steps):
            now = clock.now()
            return max(at, now + PATIENCE) if now < at else now + LATE
    return None


def has_passed(deadline: datetime | None) -> bool:
    """Whether reports may not wait any longer."""
    return deadline is not None and clock.now() >= deadline


def waits_until(run: Run) -> datetime | None:
    """The deadline on the real clock; None also if business time is frozen."""
    deadline = deadline_of(run)
    if deadline is None or clock.is_frozen():
        return None
    return clock.instant() + timedelta(seconds=_left_s(deadline, PATIENCE.total_seconds()))


def pull_limit_s(deadline: datetime | None, limit_s: float) -> float:
    """How long a try of a pull may take: until the deadline, if reports wait for it.

    One that hangs is ended then, and retried after the reports.
    """
    if deadline is None or has_passed(deadline) or clock.is_frozen():
        return limit_s
    return min(limit_s, _left_s(deadline, PATIENCE.total_seconds()))


def build_limit_s(deadline: datetime | None, limit_s: float) -> float:
    """How long a build may take, including waits and repeats, if reports wait for it."""
    if deadline is None or clock.is_frozen():
        return limit_s
    return min(limit_s, _left_s(deadline, LEAST_S))


def _left_s(deadline: datetime, least_s: float) -> float:
    left = (deadline - clock.now()).total_seconds() / (clock.factor() or 1)
    return max(left, least_s)
