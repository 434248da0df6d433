"""`signalroom scheduler` when Temporal schedules: it shows and triggers, but runs nothing."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from temporalio.client import Client

from scheduler.runs.work_ledger import WorkLedger
from tests.scheduler.temporal.fleet import Fleet
from tests.scheduler.temporal.server import dev_server, free_port
from tests.support.processes import BIN, own_environment, signalroom_cli

TOKEN = "start-it-please"


@pytest.fixture
def page() -> Iterator[tuple[str, Fleet]]:
    port = free_port()
    with dev_server() as server:
        env = own_environment(
            {
                "SIGNALROOM_HOME": os.environ["SIGNALROOM_HOME"],
                "SIGNALROOM_TRIGGER_TOKEN": TOKEN,
                "TEMPORAL_ADDRESS": server.address,
                "PORT": str(port),
            }
        )
        with subprocess.Popen([str(BIN / "signalroom"), "scheduler"], env=env) as process:
            address = f"http://127.0.0.1:{port}"
            give_up_at = time.monotonic() + 60
            while True:
                assert time.monotonic() < give_up_at
                with suppress(httpx.TransportError):
                    if httpx.get(f"{address}/ready").status_code == 200:
                        break
                time.sleep(0.2)
            try:
                yield address, Fleet(server, env)
            finally:
                process.terminate()
            assert process.wait(30) == 0


def test_it_shows_triggers_and_schedules_nothing(page: tuple[str, Fleet]) -> None:
    address, fleet = page
    assert httpx.get(f"{address}/health", timeout=20).status_code == 200
    assert httpx.get(f"{address}/metrics", timeout=20).status_code == 200
    with WorkLedger() as ledger:
        assert (ledger.beat(), ledger.known_since()) == (None, {})
    headers = {"Authorization": f"Bearer {TOKEN}"}
    started = httpx.post(f"{address}/trigger/hourly", headers=headers, timeout=20)
    assert started.status_code == 202, started.text
    run_id = started.json()["run_id"]

    async def kind(client: Client) -> str | None:
        return (await client.get_workflow_handle(f"signalroom-{run_id}").describe()).workflow_type

    assert fleet.ask(kind) == "ScheduledSyncWorkflow"
    with WorkLedger() as ledger:  # and this process does not start it
        assert [run.status for run in ledger.recent()] == ["due"]
    shown = httpx.get(f"{address}/", timeout=20).text
    assert "/namespaces/default/workflows" in shown

    env = {name: fleet.env[name] for name in ("SIGNALROOM_HOME", "TEMPORAL_ADDRESS")}
    queued = signalroom_cli("trigger", "redtrack", env=env)
    assert queued.returncode == 0, queued.stderr
    assert "A worker begins it" in queued.stdout
    fleet.server.stop()
    refused = signalroom_cli("trigger", "hourly", env=env)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "cannot be reached" in refused.stderr
    with WorkLedger() as ledger:
        states = sorted(run.status for run in ledger.recent())
    assert states == ["due", "due", "skipped"]
