"""A worker: processes the queues, answers /health, and cleans up once a minute.

Cleanup handles due messages, runs whose workflow has ended, unclaimed runs, and old logs. Any
number of workers may do this at the same time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from reports.alerts import incidents
from scheduler.execution.child import Child, Start
from scheduler.planning import chosen_job, requested
from scheduler.process import forget_old_logs
from scheduler.runs.ledger import Run, worker_id
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from scheduler.status import heartbeat
from scheduler.status.health import Pulse
from scheduler.temporal import bookkeeping
from scheduler.temporal.activities import Activities
from scheduler.temporal.connection import connect, reach, start_delivery, start_run
from scheduler.temporal.errands import Errands
from scheduler.temporal.links import address, namespace, overview
from scheduler.temporal.model import API_TASKS, WAREHOUSE_TASKS
from scheduler.temporal.workflows import ALL
from scheduler.web.server import WebServer
from signalroom import clock, retention
from signalroom.errors import ConfigurationError, SignalRoomError
from signalroom.logs import mask
from signalroom.run_database import prepared_engine

log = logging.getLogger("scheduler")
# Each slot is a thread and, while active, a child process.
SLOTS = {API_TASKS: 4, WAREHOUSE_TASKS: 1}
TICK_S = 60.0
TURN_S = 1.0
# Longer than the longest commit; the containers allow even longer (stop_grace_period).
GRACE = timedelta(seconds=60)
THROTTLE = timedelta(seconds=5)  # a cancellation arrives in the response to a heartbeat
OVER = (
    WorkflowExecutionStatus.COMPLETED,
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.CANCELED,
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
)


class WorkerProcess:
    """The process of `signalroom temporal worker`."""

    def __init__(self, queues: tuple[str, ...], slots: int | None, start: Start = Child) -> None:
        self._start = start
        self._queues = queues
        self._slots = slots
        self._pulse = Pulse(thread="")
        self._errands = Errands()
        self._began = clock.instant()
        self._me = worker_id()
        self._pruned_on: date | None = None
        self._jobs = read_schedule()

    async def run(self, port: int, host: str) -> None:
        """Work until SIGTERM or SIGINT; steps in progress then get a minute to end."""
        client = await connect()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            server = WebServer(
                (host, port),
                self._pulse,
                self._jobs,
                self._webhook(client, loop),
                self._errands.add,
            )
            server.start()
            stack.callback(server.close)
            stack.callback(self._errands.close)
            for worker in self._workers(client):
                await stack.enter_async_context(worker)
            log.info(
                "Worker of %s at %s; health on %s:%d%s",
                " and ".join(self._queues),
                address(),
                host,
                server.server_port,
                f"; workflows: {overview()}" if overview() else "",
            )
            tick = asyncio.create_task(self._tick_each_minute(client))
            while not stop.is_set():
                self._pulse.last_turn = clock.instant()
                self._errands.turn()
                try:
                    await asyncio.wait_for(stop.wait(), TURN_S)
                except TimeoutError:
                    continue
            self._pulse.is_stopping = True
            log.info("stopping; what is in progress has %d s to end", GRACE.total_seconds())
            tick.cancel()
        log.info("stopped")

    def _workers(self, client: Client) -> list[Worker]:
        activities = Activities(namespace(), self._start)
        found = []
        for queue in self._queues:
            slots = self._slots or SLOTS.get(queue, 1)
            found.append(
                Worker(
                    client,
                    task_queue=queue,
                    workflows=list(ALL) if queue != WAREHOUSE_TASKS else [],
                    activities=activities.all(),
                    activity_executor=ThreadPoolExecutor(slots, thread_name_prefix=queue),
                    max_concurrent_activities=slots,
                    graceful_shutdown_timeout=GRACE,
                    max_heartbeat_throttle_interval=THROTTLE,
                    default_heartbeat_throttle_interval=THROTTLE,
                    identity=f"{self._me} {queue}",
                )
            )
        return found

    def _webhook(self, client: Client, loop: asyncio.AbstractEventLoop) -> Callable[[str], str]:
        """Starts a job from the web server's threads."""

        def start(job: str) -> str:
            run_id = record(job, "webhook")
            asyncio.run_coroutine_threadsafe(start_run(client, job, run_id), loop).result(20)
            return run_id

        return start

    async def _tick_each_minute(self, client: Client) -> None:
        while True:
            self._pulse.last_tick = clock.instant()
            parts = (self._beat, self._reach, self._send, self._sweep, self._prune)
            if all([await _guarded(part(client)) for part in parts]):
                heartbeat.ping()
            await asyncio.sleep(TICK_S)

    async def _beat(self, _: Client) -> None:
        def beat() -> None:
            with WorkLedger() as ledger:
                ledger.beat_now(self._me, os.getpid(), self._began, clock.instant())

        await asyncio.to_thread(beat)

    async def _reach(self, client: Client) -> None:
        """If Temporal is unreachable nothing begins: this is logged, and no heartbeat is sent."""
        await reach(client)

    async def _send(self, client: Client) -> None:
        if await asyncio.to_thread(incidents.work_waits):
            await start_delivery(client)

    async def _sweep(self, client: Client) -> None:
        """Renew leases, close the runs of ended workflows, start unclaimed runs."""

        def look() -> tuple[list[tuple[Run, str, str]], list[Run]]:
            with WorkLedger() as ledger:
                held = list(bookkeeping.left_behind(ledger))
                return held, bookkeeping.waiting_for_a_worker(ledger)

        held, waiting = await asyncio.to_thread(look)
        for run, workflow_id, execution in held:
            handle = client.get_workflow_handle(workflow_id, run_id=execution)
            try:
                is_over = (await handle.describe()).status in OVER
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
                is_over = True
            await asyncio.to_thread(_free if is_over else _renew, run)
        for run in waiting:
            await start_run(client, run.job, run.run_id)

    async def _prune(self, _: Client) -> None:
        """Once a day: delete logs and records older than data/retention.yml allows."""
        instant = clock.instant()
        if self._pruned_on == instant.date():
            return

        def prune() -> None:
            forget_old_logs(instant)
            engine = prepared_engine()
            try:
                retention.prune_run_database(engine)
            finally:
                engine.dispose()

        await asyncio.to_thread(prune)
        self._pruned_on = instant.date()


def record(name: str, trigger: str) -> str:
    """Record a triggered run; its id. Raises ConfigurationError for an unknown job."""
    now = clock.now()
    found = chosen_job(name, read_schedule(), now)
    if found is None:
        raise ConfigurationError(f"There is no job or source {name!r}.")
    run = requested(found, trigger, now, clock.instant())
    with WorkLedger() as ledger:
        ledger.record(run)
    return run.run_id


def _renew(run: Run) -> None:
    with WorkLedger() as ledger:
        bookkeeping.renew(ledger, run)


def _free(run: Run) -> None:
    with WorkLedger() as ledger:
        if bookkeeping.free(ledger, run):
            log.warning("%s was left open by its workflow, which has ended", run.run_id)


async def _guarded(work: Coroutine[Any, Any, None]) -> bool:
    """Whether it succeeded; after any error, the next tick still runs."""
    try:
        await work
        return True
    except (SignalRoomError, SQLAlchemyError, RPCError) as error:
        said = mask(str(error).split("\n", 1)[0])
        log.warning("tick failed in part; will catch up next minute: %s", said)
        return False


def work(queues: tuple[str, ...], slots: int | None, port: int, host: str) -> None:
    """Run a worker until it is stopped."""
    asyncio.run(WorkerProcess(queues, slots).run(port, host))
