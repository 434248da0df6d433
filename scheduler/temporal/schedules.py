"""Temporal's schedules, made from scheduler/schedule.yml: exactly one for each job.

Times are in the business time zone. A job does not overlap itself; one that could not start in time
is caught up within the job's `within`, and the ledger decides which runs still run. Pauses are in
the ledger, so that they apply to both engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from scheduler.schedule import Job
from scheduler.temporal.connection import LONGEST_RUN
from scheduler.temporal.model import (
    API_TASKS,
    PREFIX,
    SCHEDULED_SYNC,
    ScheduledSync,
    workflow_of_schedule,
)
from signalroom import clock


@dataclass(frozen=True)
class Listed:
    """A schedule in Temporal; `next_at` are the instants of its next starts."""

    job: str
    next_at: tuple[datetime, ...]
    is_paused: bool


def schedule_of(job: Job) -> Schedule:
    """The schedule of a job."""
    caught_up_one_by_one = job.catch_up == "all"
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SCHEDULED_SYNC,
            ScheduledSync(job=job.name),
            id=workflow_of_schedule(job.name),
            task_queue=API_TASKS,
            execution_timeout=LONGEST_RUN,
        ),
        spec=ScheduleSpec(cron_expressions=[job.cron], time_zone_name=str(clock.zone())),
        policy=SchedulePolicy(
            overlap=(
                ScheduleOverlapPolicy.BUFFER_ALL
                if caught_up_one_by_one
                else ScheduleOverlapPolicy.SKIP
            ),
            catchup_window=job.within,
        ),
    )


async def apply(client: Client, jobs: Sequence[Job]) -> list[str]:
    """Make Temporal's schedules match the file; returns what was done, one line each."""
    said = []
    known = {one.job for one in await listed(client, jobs)}
    for job in jobs:
        if job.name in known:
            await _update(client, job)
            said.append(f"{job.name} is up to date: {job.cron}")
        else:
            await _create(client, job)
            said.append(f"{job.name} is scheduled: {job.cron}")
    for name in await delete(client, sorted(known - {job.name for job in jobs})):
        said.append(f"{name} is removed: schedule.yml no longer has it")
    return said


async def _create(client: Client, job: Job) -> None:
    try:
        await client.create_schedule(workflow_of_schedule(job.name), schedule_of(job))
    except ScheduleAlreadyRunningError:  # another deployment applies them at the same time
        await _update(client, job)


async def _update(client: Client, job: Job) -> None:
    wanted = schedule_of(job)

    def change(found: ScheduleUpdateInput) -> ScheduleUpdate:
        wanted.state = found.description.schedule.state  # schedules paused in Temporal stay paused
        return ScheduleUpdate(wanted)

    await client.get_schedule_handle(workflow_of_schedule(job.name)).update(change)


async def listed(client: Client, jobs: Sequence[Job]) -> list[Listed]:
    """Our schedules in Temporal, by name: those of these jobs, and any others.

    Temporal's lists lag behind: a job missing in one is looked up by name.
    """
    found = {}
    async for one in await client.list_schedules():
        if one.id.startswith(PREFIX):
            name = one.id.removeprefix(PREFIX)
            times = tuple(one.info.next_action_times) if one.info else ()
            found[name] = Listed(name, times, bool(one.schedule and one.schedule.state.paused))
    for job in jobs:
        try:
            now = await client.get_schedule_handle(workflow_of_schedule(job.name)).describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            found.pop(job.name, None)
        else:
            times = tuple(now.info.next_action_times)
            found[job.name] = Listed(job.name, times, now.schedule.state.paused)
    return [found[name] for name in sorted(found)]


async def delete(client: Client, names: Sequence[str]) -> list[str]:
    """Remove these schedules; returns those that existed."""
    gone = []
    for name in names:
        try:
            await client.get_schedule_handle(workflow_of_schedule(name)).delete()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
        else:
            gone.append(name)
    return gone
