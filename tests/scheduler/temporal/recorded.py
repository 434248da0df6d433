"""Activities that return recorded answers, for tests of the order of steps.

`python -m tests.scheduler.temporal.recorded` records the histories that the installed version does
not have yet, on the dev server. Existing ones stay: a released history has to replay unchanged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from scheduler.schedule import Job, read_schedule
from scheduler.temporal.model import (
    API_TASKS,
    BACKFILL,
    DELIVER,
    QUEUES,
    RUN_REPORT,
    SCHEDULED_SYNC,
    SYNC_SOURCE,
    Backfill,
    Delivery,
    Finished,
    Finishing,
    Loaded,
    Opened,
    Opening,
    RunReport,
    ScheduledSync,
    Sent,
    StepInput,
    StepResult,
    SyncSource,
)
from scheduler.temporal.workflows import ALL
from signalroom import clock
from tests.scheduler.temporal.server import dev_server

HISTORIES = Path(__file__).with_name("histories")
AT = datetime(2026, 11, 19, 12, tzinfo=UTC).isoformat()


@dataclass
class Recorded:
    """The activities, the requests they received, and their answers by step.

    An answer is a status, or a list of answers to successive attempts; exceptions are raised. Steps
    that are `late` end once a report is requested. Reports wait for `reports_in`.
    """

    job: Job | None = None
    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    finishes: list[Finishing] = field(default_factory=list)
    opened: int = 0
    resume_in_s: float = 0.0  # of the first run that ends: a vendor defers it
    resume_at: datetime | None = None
    runs: int = 1
    reports_in: timedelta | None = None

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.open_run_activity,
            self.finish_run_activity,
            self.run_pipeline_activity,
            self.run_dbt_activity,
            self.run_report_activity,
            self.run_backfill_activity,
            self.send_notification_activity,
        ]

    @activity.defn
    async def open_run_activity(self, opening: Opening) -> Opened:
        self.opened += 1
        if self.opened > self.runs:
            return Opened()
        name = opening.job or opening.source or opening.report
        if self.job:
            sources, reports, has_dbt = self.job.sources, self.job.reports, bool(self.job.sources)
        else:
            sources = (opening.source,) if opening.source else ()
            reports, has_dbt = (opening.report,) if opening.report else (), False
        run_id = opening.run_id or f"{name}-{self.opened}"
        opened = Opened(run_id, name, "owner", opening.at, 30, list(sources), has_dbt)
        opened.reports = list(reports)
        if self.reports_in is not None:
            opened.reports_at = (clock.instant() + self.reports_in).isoformat()
        return opened

    @activity.defn
    async def finish_run_activity(self, finishing: Finishing) -> Finished:
        self.finishes.append(finishing)
        if self.resume_in_s and self.resume_at is None:
            self.resume_at = clock.instant() + timedelta(seconds=self.resume_in_s)
            return Finished("waiting", self.resume_at.isoformat())
        return Finished("canceled" if finishing.canceled else "done", "", finishing.canceled)

    @activity.defn
    async def run_pipeline_activity(self, given: StepInput) -> StepResult:
        return await self._step(given)

    @activity.defn
    async def run_dbt_activity(self, given: StepInput) -> StepResult:
        return await self._step(given)

    @activity.defn
    async def run_report_activity(self, given: StepInput) -> StepResult:
        return await self._step(given)

    @activity.defn
    async def run_backfill_activity(self, asked: Backfill) -> Loaded:
        return Loaded(3)

    @activity.defn
    async def send_notification_activity(self, asked: Delivery | None = None) -> Sent:
        self.asked.append("deliver")
        return Sent()

    async def _step(self, given: StepInput) -> StepResult:
        queue = activity.info().task_queue
        self.asked.append(f"{given.step} on {queue}")
        waiting = self.answers.get(given.step, [])
        answer = waiting.pop(0) if waiting else "done"
        if isinstance(answer, ApplicationError):
            raise answer
        while answer == "hang" or (answer == "late" and not self._has_reported()):
            activity.heartbeat()  # raises if the step is canceled
            await asyncio.sleep(0.1)
        return StepResult(given.step, "done" if answer == "late" else answer, 42)

    def _has_reported(self) -> bool:
        return any(one.startswith("report:") for one in self.asked)


async def with_workers(stack: AsyncExitStack, client: Client, recorded: Recorded) -> None:
    """Run a worker for each queue until the stack closes."""
    for queue in QUEUES:
        worker = Worker(
            client,
            task_queue=queue,
            workflows=list(ALL) if queue == API_TASKS else [],
            activities=recorded.all(),
            activity_executor=ThreadPoolExecutor(2),
            max_heartbeat_throttle_interval=timedelta(seconds=1),
        )
        await stack.enter_async_context(worker)


def failing(
    kind: str, *, again_in: timedelta | None = None, is_over: bool = False
) -> ApplicationError:
    """The answer of a failed attempt."""
    return ApplicationError(
        "it failed", type=kind, next_retry_delay=again_in, non_retryable=is_over
    )


def _cases() -> Iterator[tuple[str, Recorded, str, Any]]:
    """Name, answers, workflow and input of each history."""
    jobs = read_schedule()
    for job in jobs:
        yield job.name, Recorded(job), SCHEDULED_SYNC, ScheduledSync(job.name, AT)
    daily = next(job for job in jobs if job.name == "daily_reports")
    again = [failing("SourceError", again_in=timedelta(milliseconds=10)), "done"]
    refused = [failing("CredentialsError", is_over=True)]
    of_daily = {
        "deferred": Recorded(daily, resume_in_s=2),
        "tried_again": Recorded(daily, {"ingest:everflow": again}),
        "source_refused": Recorded(daily, {"ingest:redtrack": refused}),
        "nothing_on": Recorded(daily, {f"ingest:{one}": ["off"] for one in daily.sources}),
        "canceled": Recorded(daily, {"dbt": ["hang"]}),
        "late": Recorded(
            daily, {"ingest:everflow": ["late"]}, reports_in=timedelta(milliseconds=100)
        ),
    }
    for name, recorded in of_daily.items():
        yield name, recorded, SCHEDULED_SYNC, ScheduledSync(daily.name, AT)
    yield "source", Recorded(), SYNC_SOURCE, SyncSource("everflow", "cti", at=AT)
    yield "report", Recorded(), RUN_REPORT, RunReport("daily_ccw", "713", ["slack"], True, AT)
    yield "backfill", Recorded(), BACKFILL, Backfill("everflow", "2026-01-01", "2026-03-31")
    yield "deliver", Recorded(), DELIVER, Delivery(AT)


def _plain(value: Any) -> Any:
    """A history without the paths of the machine that recorded it."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key != "stackTrace"}
    return [_plain(one) for one in value] if isinstance(value, list) else value


async def _record(address: str, folder: Path) -> None:
    client = await Client.connect(address, identity="recorder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, recorded, workflow, given in _cases():
        path = folder / f"{name}.json"
        if path.exists():
            continue
        async with AsyncExitStack() as stack:
            await with_workers(stack, client, recorded)
            handle = await client.start_workflow(workflow, given, id=name, task_queue=API_TASKS)
            if name == "canceled":
                while "dbt on warehouse-tasks" not in recorded.asked:
                    await asyncio.sleep(0.05)
                await handle.cancel()
            try:
                await handle.result()
            except WorkflowFailureError:
                if name != "canceled":
                    raise
            text = json.dumps(_plain(json.loads((await handle.fetch_history()).to_json())))
            path.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Record the histories that the installed version lacks."""
    with dev_server() as server:
        asyncio.run(_record(server.address, HISTORIES / version("signalroom")))


if __name__ == "__main__":
    main()
