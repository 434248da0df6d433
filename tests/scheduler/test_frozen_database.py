"""PostgreSQL accepts connections but answers nothing: no process may hang."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dlt.common.destination.client import RunnableLoadJob

from scheduler.execution import results as retries
from signalroom.errors import WarehouseError
from tests.ingest.test_killed import AFTER, BEFORE, expected, load, stored
from tests.support.postgres import PostgresServer, free_port, postgres_server
from tests.support.processes import own_environment
from tests.support.warehouse import empty_warehouse

SIGNALROOM = """
import sys
from cli import main as command_line
from cli import scheduler
from signalroom import lock

scheduler.ANSWER_WITHIN_S = 2.0
lock.HUNG_S = lock.WATCH_EVERY_S = 1.0
command_line.READS = dict.fromkeys(command_line.READS, 2.0)
sys.argv = ["signalroom", *sys.argv[1:]]
command_line.main()
"""
COMMAND = (sys.executable, "-c", SIGNALROOM)
LOAD = """
import sys
from signalroom import lock
from signalroom.warehouse import transaction

lock.HUNG_S = lock.WATCH_EVERY_S = 1.0
with lock.hold("ingest everflow"), transaction() as execute:
    print("loads", flush=True)
    sys.stdin.readline()
    execute("select 1")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as one:
        yield one


@pytest.fixture
def env(server: PostgresServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    with server.database() as variables:
        yield own_environment(
            {
                **variables,
                "SIGNALROOM_TARGET": "postgres",
                "SIGNALROOM_HASH_SALT": "salt",
                "SIGNALROOM_HOME": str(tmp_path),
                "PORT": str(free_port()),
            }
        )


def health(port: str) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.slow
@pytest.mark.fault(16, 48)
def test_a_scheduler_says_that_it_is_ill_and_ends_when_told(
    server: PostgresServer, env: dict[str, str]
) -> None:
    with subprocess.Popen([*COMMAND, "scheduler"], env=env) as resident:
        try:
            give_up_at = time.monotonic() + 60
            while health(env["PORT"]) != 200:
                assert time.monotonic() < give_up_at
                time.sleep(0.2)
            with server.frozen():
                while health(env["PORT"]) != 503:
                    assert time.monotonic() < give_up_at + 60
                resident.send_signal(signal.SIGTERM)
                assert resident.wait(timeout=25) == 0
        finally:
            resident.kill()


@pytest.mark.fault(16)
def test_a_command_that_reads_ends_with_one_line(
    server: PostgresServer, env: dict[str, str]
) -> None:
    with server.frozen():
        found = subprocess.run(
            [*COMMAND, "status"], env=env, capture_output=True, text=True, timeout=60
        )
    assert found.returncode == 0
    assert "no answer for 2 s" in found.stdout
    assert "Traceback" not in found.stdout + found.stderr


@pytest.mark.fault(16)
def test_a_load_that_waits_for_a_frozen_server_ends_itself(
    server: PostgresServer, env: dict[str, str]
) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LOAD], env=env, text=True, **pipes) as load:
        assert load.stdin
        assert load.stdout
        assert load.stdout.readline() == "loads\n"
        with server.frozen():
            load.stdin.write("go on\n")
            load.stdin.flush()
            assert load.wait(timeout=20) == 1
            assert load.stderr
            assert "PostgreSQL has answered nothing for 1 s" in load.stderr.read()


@pytest.mark.fault(15)
def test_a_server_that_restarts_in_the_middle_ends_the_load_in_one_line(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler retries the step, which then loads everything."""
    managed, stops = RunnableLoadJob.run_managed, [server.stop]

    def run_managed(self: Any, *args: Any) -> None:
        if stops:
            stops.pop()("immediate")
        managed(self, *args)

    with empty_warehouse("postgres", tmp_path / "home", server) as warehouse:
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T14:30:00+00:00")
        load(BEFORE)
        monkeypatch.setattr(RunnableLoadJob, "run_managed", run_managed)
        try:
            with pytest.raises(WarehouseError) as caught:
                load(AFTER)
        finally:
            server.start()
        assert "\n" not in str(caught.value)
        assert retries.tries("WarehouseError", str(caught.value)) > 1
        load(AFTER)
        assert stored(warehouse) == expected(AFTER)
