"""Until when the reports of a run may wait for the loads and build before them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from scheduler.runs.model import Run
from scheduler.schedule import report_deadline
from signalroom import clock
from signalroom.errors import ConfigurationError

# A working build is not killed for starting late; it takes a minute or two.
LEAST_S = 600.0
# For a run that begins just before the deadline: most failures succeed at the next try.
PATIENCE = timedelta(minutes=2)
# For one that begins at the deadline or later: a pull that works loads most gaps in this time.
LATE = timedelta(minutes=10)


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
    """How long a build may take, including waits and repeats."""
    return limit_s if deadline is None else min(limit_s, _left_s(deadline, LEAST_S))


def _left_s(deadline: datetime, least_s: float) -> float:
    left = (deadline - clock.now()).total_seconds() / (clock.factor() or 1)
    return max(left, least_s)
