"""Workers and the server are killed, frozen, stopped, canceled, doubled or late.

Real processes, the real ledger and the dev server; the steps run test scripts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from scheduler.planning import record_due
from scheduler.runs.ledger import Pause, Run
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from scheduler.temporal import schedules
from signalroom import clock, paths
from tests.scheduler.bench import Bench, begun, is_gone
from tests.scheduler.temporal.fleet import WITH_BODIES, Fleet
from tests.scheduler.temporal.server import DevServer, dev_server

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(600)]
AT = datetime(2026, 11, 19, 17, tzinfo=UTC)
HOURLY = next(job for job in read_schedule() if job.name == "hourly")
RUN_ID = "hourly-20261119T1700Z"
HOLD = """
echo $$ >> "$SIGNALROOM_HOME/bodies"
sleep 600 & echo $! >> "$SIGNALROOM_HOME/bodies"
while [ -f "$SIGNALROOM_HOME/hold" ]; do sleep 0.05; done
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with dev_server(tmp_path_factory.mktemp("temporal") / "temporal.sqlite") as found:
        yield found


@pytest.fixture
def fleet(server: DevServer) -> Iterator[Fleet]:
    """No worker yet; every fleet uses different times, because the server keeps workflows."""
    env = {"SIGNALROOM_HOME": str(paths.home()), "SIGNALROOM_NOW": AT.isoformat()}
    paths.home().mkdir(parents=True, exist_ok=True)
    found = Fleet(server, env, WITH_BODIES)
    yield found
    found.close()
    for pid in bodies():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def bodies() -> list[str]:
    path = paths.home() / "bodies"
    return path.read_text().split() if path.exists() else []


def hold(command: str) -> Path:
    """Make that step wait from now on, until the returned file is deleted."""
    (paths.home() / "hold").touch()
    (paths.home() / f"{command}.sh").write_text(HOLD)
    return paths.home() / "hold"


def until(reached: Callable[[], bool], within_s: float = 120.0) -> None:
    give_up_at = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def the_run() -> Run:
    with WorkLedger() as ledger:
        found = ledger.run(RUN_ID)
    assert found is not None
    return found


def attempts() -> dict[str, int]:
    return {step.step: step.attempt for step in the_run().steps}


ONCE = {
    "ingest:everflow": 1,
    "ingest:redtrack": 1,
    "dbt": 1,
    "report:daily_ccw": 1,
    "report:daily_exp": 1,
    "report:daily_cti": 1,
}


def begin(fleet: Fleet, name: str) -> str:
    return fleet.begin("hourly", AT, f"signalroom-hourly-{name}-{time.monotonic_ns()}")


def test_another_worker_goes_on_where_one_was_killed(fleet: Fleet) -> None:
    held = hold("build")
    first = fleet.start_worker()
    workflow = begin(fleet, "killed")
    until(lambda: len(bodies()) == 2)
    fleet.signal(first, signal.SIGKILL)
    until(lambda: is_gone(bodies()[0]))
    fleet.start_worker()
    held.unlink()
    assert fleet.result(workflow).status == "done"
    assert attempts() == ONCE | {"dbt": 2}
    assert {step.status for step in the_run().steps} == {"done"}


def test_what_a_frozen_worker_left_is_ended_and_changes_nothing_when_it_wakes(
    fleet: Fleet,
) -> None:
    held = hold("build")
    first = fleet.start_worker()
    workflow = begin(fleet, "frozen")
    until(lambda: len(bodies()) == 2)
    fleet.signal(first, signal.SIGSTOP)
    fleet.start_worker()
    until(lambda: len(bodies()) == 4)
    orphan, its_child, *_ = bodies()
    until(lambda: is_gone(orphan) and is_gone(its_child))
    fleet.signal(first, signal.SIGCONT)
    time.sleep(8)  # it learns that its attempt is over, and reports nothing more
    assert the_run().status == "running"
    held.unlink()
    assert fleet.result(workflow).status == "done"
    assert attempts() == ONCE | {"dbt": 2}
    assert fleet.stop(first) == 0


def test_a_worker_that_is_stopped_lets_its_steps_end_and_the_next_takes_over(
    fleet: Fleet,
) -> None:
    """A deploy: nothing is interrupted, and nothing done twice."""
    held = hold("ingest")
    first = fleet.start_worker()
    workflow = begin(fleet, "deploy")
    until(lambda: len(bodies()) == 4)
    fleet.workers[first].send_signal(signal.SIGTERM)
    fleet.start_worker()
    time.sleep(2)
    assert not fleet.is_healthy(first)
    held.unlink()
    assert fleet.result(workflow).status == "done"
    assert fleet.workers.pop(first).wait(60) == 0
    assert attempts() == ONCE


def test_a_cancellation_ends_all_processes_of_a_step_and_closes_the_run(fleet: Fleet) -> None:
    hold("build")
    fleet.start_worker()
    workflow = begin(fleet, "cancel")
    until(lambda: len(bodies()) == 2)

    async def cancel(client: Client) -> None:
        await client.get_workflow_handle(workflow).cancel()

    fleet.ask(cancel)
    with pytest.raises(WorkflowFailureError):
        fleet.result(workflow)
    assert all(is_gone(pid) for pid in bodies())
    run = the_run()
    assert run.status == "done_with_errors"
    assert "canceled by a person" in (run.error or "")
    assert not [line for line in begun() if " report " in line]


def test_a_terminated_workflow_leaves_no_run_open(fleet: Fleet) -> None:
    hold("build")
    first = fleet.start_worker()
    workflow = begin(fleet, "terminated")
    until(lambda: len(bodies()) == 2)

    async def terminate(client: Client) -> None:
        await client.get_workflow_handle(workflow).terminate()

    fleet.ask(terminate)
    until(lambda: the_run().status == "failed", 150)
    assert "was ended before the run was over" in (the_run().error or "")
    until(lambda: all(is_gone(pid) for pid in bodies()))
    assert fleet.is_healthy(first)


def test_the_server_may_be_away_in_the_middle_of_a_run(fleet: Fleet, server: DevServer) -> None:
    held = hold("build")
    fleet.start_worker()
    workflow = begin(fleet, "restarted")
    until(lambda: len(bodies()) == 2)
    server.stop()
    time.sleep(5)
    held.unlink()  # the step ends while the server is down
    time.sleep(5)
    server.start()
    assert fleet.result(workflow).status == "done"
    assert {step.status for step in the_run().steps} == {"done"}
    begun_reports = [line for line in begun() if " report " in line]
    assert len(begun_reports) == len(set(begun_reports)) == 3


def test_both_engines_at_once_run_a_job_once(fleet: Fleet) -> None:
    """Both know the schedule; each scheduled time has one owner, the first to claim it."""
    for _ in range(2):
        fleet.start_worker()
    bench = Bench(HOURLY)
    bench.ledger.recorded_until(["hourly"], AT - timedelta(hours=4), "test")
    workflows = []
    for hour in range(4):
        at = AT - timedelta(hours=3 - hour)
        workflows.append(
            fleet.begin("hourly", at, f"signalroom-hourly-both-{hour}-{time.monotonic_ns()}")
        )
        record_due(bench.ledger, [HOURLY], "test", at, bench.instant())
        bench.turn_until(lambda: not bench.ledger.open_runs() and not bench.executor.works)
    for workflow in workflows:
        fleet.result(workflow)
    runs = [run for run in bench.ledger.recent() if run.status == "done"]
    assert len({run.scheduled_for for run in runs}) == len(runs)
    lines = begun()
    reports = [line for line in lines if " report " in line]
    assert len(reports) == len(set(reports))
    assert not [run for run in bench.ledger.recent() if run.finished_at is None]
    bench.ledger.close()


def test_a_pause_holds_under_temporal_too(fleet: Fleet) -> None:
    fleet.start_worker()
    with WorkLedger() as ledger:
        ledger.pause_job(Pause("hourly", AT - timedelta(days=1), AT + timedelta(days=1), "moves"))
    assert fleet.result(begin(fleet, "paused")).runs == []
    assert the_run().status == "skipped"
    assert "moves" in (the_run().error or "")
    with WorkLedger() as ledger:
        ledger.resume_job("hourly")
    at = AT + timedelta(hours=1)
    resumed = fleet.begin("hourly", at, f"signalroom-hourly-resumed-{time.monotonic_ns()}")
    assert fleet.result(resumed).status == "done"


def test_of_what_an_outage_missed_the_newest_runs_and_the_others_say_why_not(
    fleet: Fleet,
) -> None:
    with WorkLedger() as ledger:
        ledger.recorded_until(["hourly"], AT - timedelta(hours=30), "test")
    fleet.start_worker()
    result = fleet.result(begin(fleet, "late"))
    assert result.runs == [RUN_ID]
    with WorkLedger() as ledger:
        missed = [run for run in ledger.recent("hourly", 100) if run.status == "skipped"]
    assert len(missed) > 10
    assert {(run.error or "")[:10] for run in missed} == {"superseded", "missed by "}
    assert len({line.split()[0] for line in begun()}) == 1


def test_temporal_catches_up_what_was_due_while_it_was_away_within_its_window(
    fleet: Fleet, server: DevServer
) -> None:
    """Not further back than the job's `within`; Temporal's own default would be a year."""
    fleet.start_worker()

    async def apply(client: Client) -> None:
        every_minute = replace(HOURLY, cron="* * * * *", within=timedelta(seconds=75))
        await schedules.apply(client, [every_minute])

    async def began(client: Client, at: datetime) -> bool:
        name = f"signalroom-hourly-{at:%Y-%m-%dT%H:%M:%SZ}"
        try:
            await client.get_workflow_handle(name).describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    fleet.ask(apply)
    time.sleep(3)  # a schedule starts when the server first processes it
    if clock.instant().second > 50:
        time.sleep(11)
    server.stop()
    too_late = clock.instant().replace(second=0, microsecond=0) + timedelta(minutes=1)
    missed = too_late + timedelta(minutes=1)
    until(lambda: clock.instant() > too_late + timedelta(seconds=80), 150)
    server.start()

    until(lambda: fleet.ask(lambda client: began(client, missed)), 50)
    assert not fleet.ask(lambda client: began(client, too_late))
    fleet.ask(lambda client: schedules.delete(client, ["hourly"]))
