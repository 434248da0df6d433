"""The order of the workflows' steps, with time skipping and recorded answers."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from scheduler.schedule import Job, read_schedule
from scheduler.temporal import workflows
from scheduler.temporal.model import (
    API_TASKS,
    DEFERRED,
    RUN_REPORT,
    SCHEDULED_SYNC,
    SYNC_SOURCE,
    RunReport,
    ScheduledSync,
    SyncResult,
    SyncSource,
)
from scheduler.temporal.workflows import ALL
from signalroom import clock
from tests.scheduler.temporal.recorded import AT, HISTORIES, Recorded, failing, with_workers
from tests.scheduler.temporal.server import SKIPPING, dev_server
from tests.support.processes import ROOT, own_environment

JOBS = read_schedule()
DAILY = next(job for job in JOBS if job.name == "daily_reports")


@dataclass
class Skipping:
    """A server that skips time, with workers whose activities are recorded."""

    client: Client

    async def run(self, kind: str, given: Any, name: str) -> SyncResult:
        result: SyncResult = await self.client.execute_workflow(
            kind, given, id=name, task_queue=API_TASKS, result_type=SyncResult
        )
        return result

    async def took(self, name: str) -> timedelta:
        """The duration of a workflow that has ended."""
        found = await self.client.get_workflow_handle(name).describe()
        assert found.close_time is not None
        return found.close_time - found.start_time


@asynccontextmanager
async def skipping(recorded: Recorded) -> AsyncIterator[Skipping]:
    async with AsyncExitStack() as stack:
        environment = await stack.enter_async_context(await _started())
        await with_workers(stack, environment.client, recorded)
        yield Skipping(environment.client)


async def _started() -> WorkflowEnvironment:
    """A server whose time skips; a busy machine may miss the five seconds that a start is given."""
    for attempts_left in (2, 1, 0):
        try:
            return await WorkflowEnvironment.start_time_skipping(
                test_server_existing_path=str(SKIPPING)
            )
        except RuntimeError:
            if not attempts_left:
                raise
    raise AssertionError


def steps_of(job: Job) -> list[str]:
    found = [f"ingest:{source} on api-tasks" for source in job.sources]
    found += ["dbt on warehouse-tasks"] if job.sources else []
    return found + [f"report:{report} on api-tasks" for report in job.reports]


def test_every_job_of_the_schedule_pulls_then_builds_once_then_reports() -> None:
    async def run() -> None:
        for job in JOBS:
            recorded = Recorded(job)
            async with skipping(recorded) as server:
                result = await server.run(SCHEDULED_SYNC, ScheduledSync(job.name, AT), job.name)
            wanted = steps_of(job)
            pulls = len(job.sources)
            assert sorted(recorded.asked[:pulls]) == sorted(wanted[:pulls])
            assert recorded.asked[pulls:] == wanted[pulls:]
            assert result.status == "done"
            assert {name: one.rows for name, one in result.steps.items()} == {
                one.split(" on ")[0]: 42 for one in wanted
            }
            assert [one.run_id for one in recorded.finishes] == [f"{job.name}-1"]

    asyncio.run(run())


def test_a_step_is_tried_five_times_with_growing_pauses_and_stops_nothing_else() -> None:
    async def run() -> None:
        recorded = Recorded(DAILY, {"ingest:everflow": [failing("SourceError")] * 9})
        async with skipping(recorded) as server:
            result = await server.run(SCHEDULED_SYNC, ScheduledSync("daily_reports", AT), "a")
            waited = await server.took("a")
        assert recorded.asked.count("ingest:everflow on api-tasks") == 5
        assert timedelta(seconds=15) <= waited < timedelta(seconds=60)  # 1 + 2 + 4 + 8
        assert result.steps["ingest:everflow"].status == "failed"
        assert result.steps["dbt"].status == result.steps["report:daily_ccw"].status == "done"
        assert len(recorded.finishes) == 1

    asyncio.run(run())


def test_what_trying_again_cannot_mend_is_tried_once() -> None:
    async def run() -> None:
        answers = {"ingest:everflow": [failing("CredentialsError")] * 5}
        recorded = Recorded(DAILY, answers)
        async with skipping(recorded) as server:
            await server.run(SCHEDULED_SYNC, ScheduledSync("daily_reports", AT), "a")
        assert recorded.asked.count("ingest:everflow on api-tasks") == 1

    asyncio.run(run())


def test_a_vendors_wait_is_kept_to_and_is_no_failed_try() -> None:
    """Six times an hour: more than the five attempts of a failing step."""

    async def run() -> None:
        wait = failing(DEFERRED, again_in=timedelta(hours=1))
        recorded = Recorded(answers={"ingest:everflow": [wait] * 6})
        async with skipping(recorded) as server:
            result = await server.run(SYNC_SOURCE, SyncSource("everflow", "cti", at=AT), "a")
            waited = await server.took("a")
        assert result.steps["ingest:everflow"].status == "done"
        assert timedelta(hours=5) <= waited < timedelta(hours=7)

    asyncio.run(run())


REPORTS = [f"report:{report} on api-tasks" for report in DAILY.reports]
DBT = "dbt on warehouse-tasks"


@pytest.mark.parametrize(
    ("tried_again", "order"),
    [
        ("none", [DBT, *REPORTS]),
        ("ingest:everflow", [DBT, *REPORTS, "ingest:everflow on api-tasks", DBT]),
        ("dbt", [DBT, *REPORTS, DBT]),
        (f"report:{DAILY.reports[0]}", [DBT, *REPORTS, REPORTS[0]]),
    ],
)
def test_what_is_tried_again_holds_up_no_report_that_is_due(
    tried_again: str, order: list[str]
) -> None:
    """What the retry loads afterwards is built by the same run."""

    async def run() -> None:
        again = failing("SourceError", again_in=timedelta(minutes=20))
        recorded = Recorded(DAILY, {tried_again: [again]}, reports_in=timedelta(minutes=14))
        async with skipping(recorded) as server:
            result = await server.run(SCHEDULED_SYNC, ScheduledSync("daily_reports", AT), "a")
        assert recorded.asked[len(DAILY.sources) :] == order
        assert {one.status for one in result.steps.values()} == {"done"}
        assert set(result.steps) == {one.split(" on ")[0] for one in steps_of(DAILY)}

    asyncio.run(run())


def test_a_source_that_hangs_holds_up_no_report_that_is_due() -> None:
    async def run() -> None:
        recorded = Recorded(DAILY, {"ingest:everflow": ["late"]}, reports_in=timedelta(seconds=1))
        async with skipping(recorded) as server:
            result = await server.run(SCHEDULED_SYNC, ScheduledSync("daily_reports", AT), "a")
        assert recorded.asked[len(DAILY.sources) :] == [DBT, *REPORTS, DBT]
        assert result.steps["ingest:everflow"].status == "done"

    asyncio.run(run())


def test_a_run_canceled_after_its_reports_leaves_nothing_at_work() -> None:
    async def run() -> None:
        recorded = Recorded(DAILY, {"ingest:everflow": ["hang"]}, reports_in=timedelta(seconds=1))
        async with skipping(recorded) as server:
            handle = await server.client.start_workflow(
                SCHEDULED_SYNC, ScheduledSync("daily_reports", AT), id="a", task_queue=API_TASKS
            )
            while REPORTS[-1] not in recorded.asked:
                await asyncio.sleep(0.05)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await handle.result()
            history = (await handle.fetch_history()).to_json()
        assert "EVENT_TYPE_ACTIVITY_TASK_CANCELED" in history  # before the run was closed
        assert [one.canceled for one in recorded.finishes] == [True]

    asyncio.run(run())


def test_what_was_deferred_is_asked_for_later_without_holding_up_the_schedule() -> None:
    """Uses the dev server: the time-skipping one does not continue abandoned child workflows."""

    async def run(address: str) -> None:
        recorded = Recorded(DAILY, resume_in_s=3, runs=2)
        async with AsyncExitStack() as stack:
            client = await Client.connect(address)
            await with_workers(stack, client, recorded)
            given = ScheduledSync("daily_reports", AT, run_id="r")
            result = await Skipping(client).run(SCHEDULED_SYNC, given, "a")
            moment = recorded.resume_at
            assert moment is not None
            assert (result.status, clock.instant() < moment) == ("waiting", True)
            assert len(recorded.finishes) == 1
            later = client.get_workflow_handle(f"signalroom-r-resumed-{moment:%Y%m%dT%H%M%SZ}")
            await later.result()
        assert clock.instant() >= moment
        assert [one.run_id for one in recorded.finishes] == ["r", "r"]
        assert recorded.asked.count("dbt on warehouse-tasks") == 2

    with dev_server() as server:
        asyncio.run(run(server.address))


def test_nothing_is_built_or_sent_where_no_client_has_the_sources() -> None:
    async def run() -> None:
        recorded = Recorded(DAILY, {f"ingest:{one}": ["off"] for one in DAILY.sources})
        async with skipping(recorded) as server:
            await server.run(SCHEDULED_SYNC, ScheduledSync("daily_reports", AT), "a")
        assert len(recorded.asked) == len(DAILY.sources)
        assert len(recorded.finishes) == 1

    asyncio.run(run())


def test_a_canceled_run_is_closed_in_the_ledger_and_its_alert_sent() -> None:
    async def run() -> None:
        recorded = Recorded(DAILY, {"dbt": ["hang"]})
        async with skipping(recorded) as server:
            handle = await server.client.start_workflow(
                SCHEDULED_SYNC, ScheduledSync("daily_reports", AT), id="a", task_queue=API_TASKS
            )
            while "dbt on warehouse-tasks" not in recorded.asked:
                await asyncio.sleep(0.05)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await handle.result()
        assert [one.canceled for one in recorded.finishes] == [True]
        assert recorded.asked[-1] == "deliver"

    asyncio.run(run())


def test_a_report_of_its_own_is_one_step() -> None:
    async def run() -> None:
        recorded = Recorded()
        async with skipping(recorded) as server:
            await server.run(RUN_REPORT, RunReport("daily_ccw", "713", ["slack"], True, AT), "a")
        assert recorded.asked == ["report:daily_ccw on api-tasks"]

    asyncio.run(run())


RELEASED = sorted(HISTORIES.glob("*/*.json"))


def test_histories_of_every_released_version_replay() -> None:
    """Each version has a history of every workflow; otherwise an edit could go unnoticed."""
    wanted = {job.name for job in JOBS} | {"canceled", "deferred", "late"}
    assert {path.stem for path in RELEASED} >= wanted
    every = {one.__name__ for one in ALL}

    async def run() -> None:
        replayer = Replayer(workflows=list(ALL))
        recorded: dict[Path, set[str]] = {}
        for path in RELEASED:
            history = WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))
            begun = history.events[0].workflow_execution_started_event_attributes
            recorded.setdefault(path.parent, set()).add(begun.workflow_type.name)
            replayed = await replayer.replay_workflow(history, raise_on_replay_failure=False)
            assert replayed.replay_failure is None, f"{path}: {replayed.replay_failure}"
        assert recorded == dict.fromkeys(recorded, every)

    asyncio.run(run())


def edited(folder: Path, line: str) -> list[type]:
    """The workflows with one more line at the start of each, under the same names."""
    text = Path(workflows.__file__).read_text(encoding="utf-8")
    start = re.compile(r"(    @workflow\.run\n    async def run\([^)]*\) -> \w+:\n)")
    text, edits = start.subn(rf"\1        {line}\n", text)
    assert edits == len(ALL)
    path = folder / "edited.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("edited", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.ALL)


@pytest.mark.parametrize(
    ("line", "is_replayed"),
    [
        ("await asyncio.sleep(1)", False),
        ('workflow.patched("a-pause") and await asyncio.sleep(1)', True),
    ],
)
def test_a_workflow_edited_without_a_new_version_does_not_replay(
    tmp_path: Path, line: str, is_replayed: bool
) -> None:
    """Otherwise replaying the released histories would prove nothing."""
    replayer = Replayer(
        workflows=edited(tmp_path, line), workflow_runner=UnsandboxedWorkflowRunner()
    )

    async def run() -> None:
        for path in RELEASED:
            history = WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))
            replayed = await replayer.replay_workflow(history, raise_on_replay_failure=False)
            assert (replayed.replay_failure is None) == is_replayed, path.stem

    asyncio.run(run())


def test_workflow_modules_import_nothing_of_the_product_but_names() -> None:
    """They are reloaded for each replay; anything they import could change their behavior."""
    code = (
        "import sys, scheduler.temporal.workflows\n"
        "ours = ('scheduler', 'ingest', 'reports', 'transform', 'signalroom', 'cli')\n"
        "print(*sorted(n for n in sys.modules if n.split('.')[0] in ours))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=own_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    names = ["scheduler", "scheduler.temporal", "scheduler.temporal.model"]
    names += ["scheduler.temporal.workflows", "signalroom", "signalroom.errors"]
    assert found.stdout.split() == names
