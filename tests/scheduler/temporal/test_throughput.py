"""The throughput of one, two and four workers: 20 clients and 6 sources on PostgreSQL.

Prints the rows of a table for docs/scaling.md: workers, duration, pulls per minute, how long the
vendors' waits alone would take, seconds from schedule to start (median, 95 %), utilization of the
machine's cores, memory of one worker with its children, of all.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import click
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from ingest.registry import NAMES
from scheduler.temporal.model import API_TASKS, SYNC_SOURCE, SyncResult, SyncSource
from tests.scheduler.temporal.fleet import WITH_PULLS, Fleet, children
from tests.scheduler.temporal.server import dev_server
from tests.support.warehouse import ON_POSTGRES, Warehouse

CLIENTS = [f"c{number:02}" for number in range(1, 21)]
SLOTS = 6
VENDOR_WAIT_S = 8.0


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(1800)
@ON_POSTGRES
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_pulls_of_20_clients_go_through(warehouse: Warehouse, workers: int, tmp_path: Path) -> None:
    warehouse.execute("create table pulled (source text, client text, number int, amount numeric)")
    env = {
        **warehouse.environment,
        "SIGNALROOM_LOCK_WAIT_S": "600",
        "VENDOR_WAIT_S": f"{VENDOR_WAIT_S:g}",
        "SLOTS": str(SLOTS),
    }
    with dev_server() as server:
        fleet = Fleet(server, env, WITH_PULLS)
        try:
            for number in range(workers):
                fleet.start_worker(SIGNALROOM_HOME=str(tmp_path / f"home{number}"))
            busy_before, began = _busy_s(), time.monotonic()
            waits, memory = fleet.ask(lambda client: _measure(client, fleet))
            took = time.monotonic() - began
            busy = (_busy_s() - busy_before) / took / (os.cpu_count() or 1)
        finally:
            fleet.close()
    pulls = len(CLIENTS) * len(NAMES)
    loaded = warehouse.rows("select count(*), count(distinct (source, client)) from pulled")
    assert loaded == [(pulls * 2000, pulls)]
    least_s = pulls * VENDOR_WAIT_S / (SLOTS * workers)
    click.echo(
        f"| {workers} | {took:.0f} s | {pulls / took * 60:.0f} | {least_s:.0f} s | "
        f"{median(waits):.1f} s | {quantiles(waits, n=20)[-1]:.1f} s | {busy:.0%} | "
        f"{memory / workers:.0f} MB | {memory:.0f} MB |"
    )


async def _measure(client: Client, fleet: Fleet) -> tuple[list[float], float]:
    """Seconds from schedule to start of each pull, and peak memory of workers and children."""
    over = asyncio.Event()
    most = 0.0

    async def watch() -> None:
        nonlocal most
        while not over.is_set():
            most = max(most, sum(_memory_mb(one.pid) for one in fleet.workers.values()))
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    handles: list[WorkflowHandle[object, SyncResult]] = []
    for name in CLIENTS:
        for source in NAMES:
            handles.append(
                await client.start_workflow(
                    SYNC_SOURCE,
                    SyncSource(source, name),
                    id=f"signalroom-{source}-{name}",
                    task_queue=API_TASKS,
                    result_type=SyncResult,
                )
            )
    results = await asyncio.gather(*(handle.result() for handle in handles))
    assert {one.status for one in results} == {"done"}
    over.set()
    await watching
    waits = []
    for handle in handles:
        scheduled: dict[int, datetime] = {}
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                about = event.activity_task_scheduled_event_attributes
                if about.activity_type.name == "run_pipeline_activity":
                    scheduled[event.event_id] = event.event_time.ToDatetime()
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                number = event.activity_task_started_event_attributes.scheduled_event_id
                if number in scheduled:
                    waits.append(
                        (event.event_time.ToDatetime() - scheduled[number]).total_seconds()
                    )
    return waits, most


def _memory_mb(pid: int) -> float:
    """Proportional memory of a process and its children, with shared pages split (PSS)."""
    total = 0.0
    pids = [pid]
    while pids:
        one = pids.pop()
        try:
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) / 1024
        except OSError:
            continue
        pids += children(one)
    return total


def _busy_s() -> float:
    """Seconds that the machine's cores have been busy, including with other processes."""
    fields = [int(part) for part in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / os.sysconf("SC_CLK_TCK")
