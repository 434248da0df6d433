"""A fleet for tests: the dev server, real worker processes, and a client that starts jobs.

`python -m tests.scheduler.temporal.fleet` is a worker whose steps run the scripts of steps.sh, or,
with `pulls`, those of pull.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy

from scheduler.execution.child import Child
from scheduler.temporal.model import (
    API_TASKS,
    DELIVER,
    DELIVERY,
    QUEUES,
    SCHEDULED_SYNC,
    Delivery,
    ScheduledSync,
    SyncResult,
)
from scheduler.temporal.worker import WorkerProcess
from signalroom import child_process
from signalroom.logs import speak
from tests.scheduler.bench import STEPS
from tests.scheduler.temporal.server import DevServer, free_port
from tests.support.processes import BIN, ROOT, own_environment

T = TypeVar("T")
REAL = (str(BIN / "signalroom"), "temporal", "worker")
WITH_PULLS = (sys.executable, "-m", "tests.scheduler.temporal.fleet", "pulls")
WITH_BODIES = (sys.executable, "-m", "tests.scheduler.temporal.fleet")


@dataclass
class Fleet:
    """Workers of one server with the same environment; ended with `close`."""

    server: DevServer
    env: Mapping[str, str]
    command: tuple[str, ...] = REAL
    workers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_worker(self, **env: str) -> int:
        """Start a worker and wait until it is ready; it is identified by its port."""
        port = free_port()
        log = Path(self.env["SIGNALROOM_HOME"], f"worker-{port}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self.workers[port] = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=own_environment(
                    {
                        **self.env,
                        "TEMPORAL_ADDRESS": self.server.address,
                        "PORT": str(port),
                        **env,
                    }
                ),
                stdout=out,
                stderr=out,
            )
        give_up_at = time.monotonic() + 90
        while not self.is_healthy(port):
            assert self.workers[port].poll() is None, log.read_text()
            assert time.monotonic() < give_up_at, log.read_text()
            time.sleep(0.2)
        return port

    def is_healthy(self, port: int) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=5).status_code == 200
        return False

    def signal(self, port: int, number: signal.Signals) -> None:
        os.kill(self.workers[port].pid, number)
        if number == signal.SIGKILL:
            self.workers.pop(port).wait()

    def at_work(self) -> dict[int, str]:
        """The workers that are running steps, with those steps."""
        found = {}
        for port, worker in self.workers.items():
            steps = sorted(step for step in map(_step_of, children(worker.pid)) if step)
            if steps:
                found[port] = ", ".join(steps)
        return found

    def stop(self, port: int) -> int:
        """End a worker as a deploy does; returns its exit code."""
        worker = self.workers.pop(port)
        worker.terminate()
        return worker.wait(120)

    def close(self) -> None:
        for worker in self.workers.values():
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()
        self.workers.clear()

    def ask(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Run something with a client."""

        async def run() -> T:
            return await work(await Client.connect(self.server.address))

        return asyncio.run(run())

    def begin(self, job: str, at: datetime, name: str = "") -> str:
        """Start a job's workflow as its schedule would; returns its id."""
        workflow_id = name or f"signalroom-{job}-{at:%Y-%m-%dT%H:%M:%SZ}"

        async def start(client: Client) -> WorkflowHandle[Any, Any]:
            return await client.start_workflow(
                SCHEDULED_SYNC,
                ScheduledSync(job, at.isoformat()),
                id=workflow_id,
                task_queue=API_TASKS,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )

        self.ask(start)
        return workflow_id

    def result(self, workflow_id: str) -> SyncResult:
        """The result of a workflow, once it has ended."""

        async def wait(client: Client) -> SyncResult:
            handle = client.get_workflow_handle(workflow_id, result_type=SyncResult)
            return await handle.result()

        return self.ask(wait)

    def deliver(self, at: datetime) -> None:
        """Send what is due at a business time, as each worker does once a minute."""

        async def send(client: Client) -> None:
            await client.execute_workflow(
                DELIVER,
                Delivery(at.isoformat()),
                id=f"{DELIVERY}-{at:%Y-%m-%dT%H:%M:%SZ}",
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                task_queue=API_TASKS,
            )

        self.ask(send)

    def run(self, job: str, at: datetime) -> SyncResult:
        return self.result(self.begin(job, at))


def children(pid: int) -> list[int]:
    """The running child processes of a process, started from any of its threads."""
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(one) for one in (task / "children").read_text().split()]
    return found


def _step_of(pid: int) -> str:
    """The step that a child process works on; empty if it is not a step."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = line.partition(b"=")
            if name == b"SIGNALROOM_STEP":
                return value.decode()
    return ""


def main() -> None:
    """A worker with test scripts as steps, tied to it as real steps are."""

    body = child_process.ending_with_this_process(["sh", str(STEPS)])
    if "pulls" in sys.argv:
        body = [sys.executable, "-m", "tests.scheduler.temporal.pull"]

    def start(order: Any) -> Child:
        return Child(order, tuple(body))

    speak()
    slots = int(os.environ.get("SLOTS", "0")) or None
    asyncio.run(WorkerProcess(QUEUES, slots, start).run(int(os.environ["PORT"]), "127.0.0.1"))


if __name__ == "__main__":
    main()
