"""The schedules on a real server: both clock changes of a year, edits, pauses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client, ScheduleOverlapPolicy

from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import due_between, read_schedule
from scheduler.temporal import schedules
from scheduler.temporal.model import workflow_of_schedule
from tests.scheduler.temporal.fleet import Fleet
from tests.scheduler.temporal.server import DevServer, dev_server
from tests.support.processes import signalroom_cli

JOBS = read_schedule()
# The next two Sundays with a clock change, in 2026 and 2027, and the days around them.
CLOCK_CHANGES = [datetime(2026, 10, 30, tzinfo=UTC), datetime(2027, 3, 12, tzinfo=UTC)]


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with dev_server() as found:
        yield found


async def matching(client: Client, job: str, start: datetime, end: datetime) -> list[datetime]:
    """When Temporal would start a job after `start`, up to `end`."""
    first, last = Timestamp(), Timestamp()
    first.FromDatetime(start)
    last.FromDatetime(end)
    found = await client.workflow_service.list_schedule_matching_times(
        ListScheduleMatchingTimesRequest(
            namespace="default",
            schedule_id=workflow_of_schedule(job),
            start_time=first,
            end_time=last,
        )
    )
    return [moment.ToDatetime(UTC) for moment in found.start_time]


def test_temporal_starts_each_job_when_the_schedule_says_on_days_of_a_clock_change_too(
    server: DevServer,
) -> None:
    """No job is due between 01:00 and 03:00, where the server is known to err on those days."""
    fleet = Fleet(server, {})

    async def check(client: Client) -> None:
        await schedules.apply(client, JOBS)
        for start in CLOCK_CHANGES:
            end = start + timedelta(days=9)
            for job in JOBS:
                wanted = [one.at for one in due_between([job], start, end)]
                assert wanted
                assert await matching(client, job.name, start, end) == wanted, job.name

    fleet.ask(check)


def test_schedules_follow_the_file_and_keep_its_policies(server: DevServer) -> None:
    fleet = Fleet(server, {})

    async def check(client: Client) -> None:
        await schedules.apply(client, JOBS)
        hourly = next(job for job in JOBS if job.name == "hourly")
        changed = [replace(hourly, cron="10 9 * * *", catch_up="all"), *JOBS[:2]]
        said = await schedules.apply(client, changed)
        assert "hourly is up to date: 10 9 * * *" in said
        assert sum("is removed" in line for line in said) == len(JOBS) - 3
        found = await client.get_schedule_handle("signalroom-hourly").describe()
        policy = found.schedule.policy
        assert policy.catchup_window == hourly.within
        assert policy.overlap == ScheduleOverlapPolicy.BUFFER_ALL
        assert found.schedule.spec.time_zone_name == "America/New_York"
        await schedules.apply(client, JOBS)
        found = await client.get_schedule_handle("signalroom-hourly").describe()
        assert found.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
        assert await schedules.delete(client, ["hourly"]) == ["hourly"]
        assert await schedules.delete(client, ["hourly"]) == []

    fleet.ask(check)


def test_the_commands_apply_list_and_delete(server: DevServer) -> None:
    env = {"TEMPORAL_ADDRESS": server.address, "SIGNALROOM_HOME": os.environ["SIGNALROOM_HOME"]}
    applied = signalroom_cli("temporal", "apply", env=env)
    assert applied.returncode == 0, applied.stderr
    assert len(applied.stdout.splitlines()) == len(JOBS)
    with WorkLedger() as ledger:  # jobs that Temporal starts are due from now on
        assert ledger.known_since().keys() == {job.name for job in JOBS}
    gone = signalroom_cli("temporal", "delete", "hourly", "nightly", env=env)
    assert (gone.returncode, gone.stderr.strip()) == (
        1,
        "Error: Temporal has no schedule for nightly.",
    )
    listed = signalroom_cli("temporal", "list", env=env)
    assert "hourly" not in listed.stdout


def test_without_a_server_or_an_address_one_line_says_what_to_do() -> None:
    unset = signalroom_cli("temporal", "apply", env={})
    assert (unset.returncode, len(unset.stderr.splitlines())) == (1, 1)
    assert "TEMPORAL_ADDRESS is not set" in unset.stderr
    away = signalroom_cli("temporal", "apply", env={"TEMPORAL_ADDRESS": "127.0.0.1:9"})
    assert (away.returncode, len(away.stderr.splitlines())) == (1, 1)
    assert "cannot be reached" in away.stderr
