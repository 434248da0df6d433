"""The workflows: the order of steps, and what is retried. Nothing else happens here.

Changes here affect running histories: guard them with `workflow.patched` and record a new history
(docs/scaling.md), or the replay of the released ones fails.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from scheduler.temporal.model import (
    API_TASKS,
    BACKFILL,
    DELIVER,
    PATIENT,
    RUN_REPORT,
    SCHEDULED_SYNC,
    SYNC_SOURCE,
    WAREHOUSE_TASKS,
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
    SyncResult,
    SyncSource,
)
from signalroom.errors import FINAL

FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=5)
HEARTBEAT = timedelta(seconds=30)
# A step ends itself at its limit; this is for a worker that fails to do so.
BEYOND_LIMIT = timedelta(minutes=5)
# How long due reports wait for a build that still runs, and a report for the one before it.
SOUND_BUILD = timedelta(minutes=5)
SOUND_REPORT = timedelta(minutes=1)
DAY_S = 24 * 3600
DUE = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
STEP_RETRIES = RetryPolicy(
    initial_interval=FIRST,
    backoff_coefficient=2,
    maximum_interval=LONGEST,
    maximum_attempts=5,
    non_retryable_error_types=sorted(FINAL),
)
# Steps that only an unavailable ledger can stop are retried until it is back.
RECORD_RETRIES = RetryPolicy(
    initial_interval=FIRST,
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=("ConfigurationError",),
)
# A cancellation waits until the child has ended.
WHOLE: dict[str, Any] = {
    "cancellation_type": workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
}


async def _record(activity: str, given: Any, result: type) -> Any:
    return await workflow.execute_activity(
        activity,
        given,
        task_queue=API_TASKS,
        result_type=result,
        start_to_close_timeout=timedelta(minutes=2),
        retry_policy=RECORD_RETRIES,
    )


async def _open(opening: Opening) -> Opened:
    opened: Opened = await _record("open_run_activity", opening, Opened)
    return opened


async def _finish(opened: Opened, canceled: bool = False) -> Finished:
    finishing = Finishing(
        run_id=opened.run_id,
        job=opened.job,
        owner=opened.owner,
        at=opened.at,
        limit_min=opened.limit_min,
        notify_success=opened.notify_success,
        notify_failure=opened.notify_failure,
        canceled=canceled,
    )
    finished: Finished = await _record("finish_run_activity", finishing, Finished)
    if finished.has_mail:
        await _deliver(Delivery(opened.at))
    return finished


async def _deliver(asked: Delivery) -> Sent:
    sent: Sent = await workflow.execute_activity(
        "send_notification_activity",
        asked,
        task_queue=API_TASKS,
        result_type=Sent,
        start_to_close_timeout=timedelta(minutes=15),
        heartbeat_timeout=HEARTBEAT,
        retry_policy=STEP_RETRIES,
        **WHOLE,
    )
    return sent


async def _step(activity: str, queue: str, given: StepInput) -> StepResult:
    """One step to its end; a failure is in the ledger, and does not stop other steps."""
    give_up_at = workflow.now() + timedelta(days=1)
    while True:
        try:
            found: StepResult = await workflow.execute_activity(
                activity,
                given,
                task_queue=queue,
                result_type=StepResult,
                start_to_close_timeout=timedelta(minutes=given.limit_min) + BEYOND_LIMIT,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=STEP_RETRIES,
                **WHOLE,
            )
            return found
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            cause = error.cause
            patient = isinstance(cause, ApplicationError) and cause.type in PATIENT
            if not patient or workflow.now() > give_up_at:
                return StepResult(given.step, "failed")
            # these are not failed tries, so they do not use up the five


def _input(opened: Opened, step: str, **more: Any) -> StepInput:
    return StepInput(
        run_id=opened.run_id,
        job=opened.job,
        owner=opened.owner,
        at=opened.at,
        step=step,
        limit_min=opened.limit_min,
        **more,
    )


async def _steps(opened: Opened, **more: Any) -> dict[str, StepResult]:
    """All sources at the same time, then dbt once, then one report after the other."""
    if opened.reports_at and workflow.patched("reports-wait-until-their-deadline"):
        return await _steps_by_deadline(opened, **more)
    pulls = await asyncio.gather(
        *(
            _step("run_pipeline_activity", API_TASKS, _input(opened, f"ingest:{source}", **more))
            for source in opened.pulls
        )
    )
    found = {one.step: one for one in pulls}
    if pulls and all(one.status == "off" for one in pulls):
        return found  # no client has any of them: nothing to build or send
    if opened.has_dbt:
        found["dbt"] = await _step(
            "run_dbt_activity", WAREHOUSE_TASKS, _input(opened, "dbt", **more)
        )
    for report in opened.reports:
        step = f"report:{report}"
        found[step] = await _step("run_report_activity", API_TASKS, _input(opened, step, **more))
    return found


async def _steps_by_deadline(opened: Opened, **more: Any) -> dict[str, StepResult]:
    """The steps of a run whose reports have a deadline: they do not wait beyond it.

    A step that hangs or is retried continues during the reports. What it loads is built afterwards.
    """
    due = datetime.fromisoformat(opened.reports_at)
    begun: list[asyncio.Task[StepResult]] = []

    def begin(activity: str, queue: str, step: str, **how: Any) -> asyncio.Task[StepResult]:
        given = _input(opened, step, **more, **how)
        begun.append(asyncio.create_task(_step(activity, queue, given)))
        return begun[-1]

    try:
        for source in opened.pulls:
            begin("run_pipeline_activity", API_TASKS, f"ingest:{source}")
        are_late = await _are_late(begun, due)
        if begun and not are_late and all(one.result().status == "off" for one in begun):
            return _results(begun)  # nothing is on
        if opened.has_dbt:
            build = begin("run_dbt_activity", WAREHOUSE_TASKS, "dbt")
            await _are_late([build], max(due, workflow.now() + SOUND_BUILD))
        for report in opened.reports:
            one = begin("run_report_activity", API_TASKS, f"report:{report}")
            await _are_late([one], workflow.now() + SOUND_REPORT)
        await asyncio.gather(*begun)
        if are_late and opened.has_dbt:
            await begin("run_dbt_activity", WAREHOUSE_TASKS, "dbt", again=True)
        return _results(begun)
    finally:  # if the run is canceled, so are its steps
        for each in begun:
            each.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


async def _are_late(steps: list[asyncio.Task[StepResult]], until: datetime) -> bool:
    """Wait for steps until an instant; return whether some still run."""
    left_s = max((until - workflow.now()).total_seconds(), 1)
    return bool(steps and (await workflow.wait(steps, timeout=left_s))[1])


def _results(steps: list[asyncio.Task[StepResult]]) -> dict[str, StepResult]:
    return {one.result().step: one.result() for one in steps}


async def _work_off(opened: Opened, **more: Any) -> tuple[Finished, dict[str, StepResult]]:
    """A claimed run, to its end; a canceled one is first closed in the ledger."""
    try:
        found = await _steps(opened, **more)
    except BaseException as error:
        if is_cancelled_exception(error):
            await asyncio.shield(asyncio.ensure_future(_finish(opened, canceled=True)))
        raise
    return await _finish(opened), found


@workflow.defn(name=SCHEDULED_SYNC)
class ScheduledSyncWorkflow:
    """A job of the schedule: several sources, then dbt once, then the reports that are due.

    Executes every open run of the job in the ledger; the ledger decides which, so that another
    engine's runs are not repeated.
    """

    @workflow.run
    async def run(self, sync: ScheduledSync) -> SyncResult:
        result = SyncResult()
        if sync.not_before:
            wait = datetime.fromisoformat(sync.not_before) - workflow.now()
            await asyncio.sleep(max(wait.total_seconds(), 0))
        due = workflow.info().typed_search_attributes.get(DUE)
        at = sync.at or (due or workflow.info().start_time).isoformat()
        opening = Opening(job=sync.job, at=at, run_id=sync.run_id)
        while True:
            opened = await _open(opening)
            if not opened.run_id:
                return result
            finished, steps = await _work_off(opened)
            result.runs.append(opened.run_id)
            result.status = finished.status
            result.steps.update(steps)
            if finished.resume_at:
                await self._resume_later(opened, finished)
            if sync.run_id:
                return result

    async def _resume_later(self, opened: Opened, finished: Finished) -> None:
        """Deferred steps get a separate workflow, so that the schedule goes on."""
        moment = datetime.fromisoformat(finished.resume_at)
        await workflow.start_child_workflow(
            SCHEDULED_SYNC,
            ScheduledSync(
                job=opened.job, at=opened.at, run_id=opened.run_id, not_before=finished.resume_at
            ),
            id=f"signalroom-{opened.run_id}-resumed-{moment:%Y%m%dT%H%M%SZ}",
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )


@workflow.defn(name=SYNC_SOURCE)
class SyncSourceWorkflow:
    """One source, for one client or all."""

    @workflow.run
    async def run(self, sync: SyncSource) -> SyncResult:
        opened = await _open(
            Opening(
                source=sync.source,
                client=sync.client,
                at=sync.at or workflow.info().start_time.isoformat(),
                notify_success=sync.notify_success,
                notify_failure=sync.notify_failure,
            )
        )
        if not opened.run_id:
            return SyncResult()
        finished, steps = await _work_off(
            opened, client=sync.client, resources=sync.resources, wait_s=DAY_S
        )
        return SyncResult([opened.run_id], finished.status, steps)


@workflow.defn(name=RUN_REPORT)
class RunReportWorkflow:
    """One report; a failure becomes an alert, which is sent immediately."""

    @workflow.run
    async def run(self, asked: RunReport) -> SyncResult:
        opened = await _open(
            Opening(
                report=asked.report,
                client=asked.client,
                at=asked.at or workflow.info().start_time.isoformat(),
            )
        )
        if not opened.run_id:
            return SyncResult()
        finished, steps = await _work_off(
            opened, client=asked.client, channels=asked.channels, send=asked.send
        )
        return SyncResult([opened.run_id], finished.status, steps)


@workflow.defn(name=BACKFILL)
class BackfillWorkflow:
    """A long range of one source: one activity, which continues where an earlier try ended."""

    @workflow.run
    async def run(self, asked: Backfill) -> Loaded:
        loaded: Loaded = await workflow.execute_activity(
            "run_backfill_activity",
            asked,
            task_queue=API_TASKS,
            result_type=Loaded,
            start_to_close_timeout=timedelta(hours=24),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=STEP_RETRIES,
            **WHOLE,
        )
        return loaded


@workflow.defn(name=DELIVER)
class DeliverWorkflow:
    """Alerts, and messages that could not be delivered before."""

    @workflow.run
    async def run(self, asked: Delivery | None = None) -> Sent:
        return await _deliver(asked or Delivery())


ALL = (
    ScheduledSyncWorkflow,
    SyncSourceWorkflow,
    RunReportWorkflow,
    BackfillWorkflow,
    DeliverWorkflow,
)
