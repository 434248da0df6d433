"""The scheduler process when it is killed, told to stop, or started twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.execution.follow import follow
from scheduler.planning import requested
from scheduler.process import STALE_AFTER, Resident
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from signalroom import clock, paths
from tests.scheduler.bench import NOON, Bench, begun, is_gone
from tests.support.processes import ROOT, own_environment, signalroom_cli
from tests.support.warehouse import Warehouse

HOURLY = next(job for job in read_schedule() if job.name == "hourly")
Start = Callable[..., subprocess.Popen[bytes]]
HOLD = """
echo $$ >> "$SIGNALROOM_HOME/bodies"
sleep 300 & echo $! >> "$SIGNALROOM_HOME/bodies"
while [ -f "$SIGNALROOM_HOME/hold" ]; do sleep 0.05; done
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Start scheduler processes with test scripts as steps; any that are left end with the test."""
    with ExitStack() as stack:

        def begin(env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = str(free.getsockname()[1])
            home = {"SIGNALROOM_HOME": os.environ["SIGNALROOM_HOME"]}
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.scheduler.bench", port],
                cwd=ROOT,
                env=own_environment({**home, **(env or {})}),
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield begin


def until(reached: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def ask(ledger: WorkLedger) -> str:
    run = requested(HOURLY, "manual", NOON, clock.instant())
    ledger.record(run)
    return run.run_id


@pytest.mark.fault(38, 40)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "command", "step"),
    [
        (signal.SIGTERM, "ingest", 0),
        (signal.SIGTERM, "build", 2),
        (signal.SIGTERM, "report", 3),
        (signal.SIGKILL, "build", 2),
    ],
)
def test_a_run_that_was_cut_is_resumed_at_its_step_and_nothing_is_left_behind(
    start: Start, number: signal.Signals, command: str, step: int
) -> None:
    home = paths.home()
    pids = home / "bodies"
    (home / "hold").touch()
    (home / f"{command}.sh").write_text(HOLD)
    with WorkLedger() as ledger:
        run_id = ask(ledger)
        resident = start()
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        resident.send_signal(number)
        assert resident.wait(timeout=60) == (0 if number == signal.SIGTERM else -number)
        bodies = pids.read_text().split()
        until(lambda: is_gone(bodies[0]))
        cut = ledger.run(run_id)
        assert cut is not None
        if number == signal.SIGTERM:
            assert is_gone(bodies[1])
            assert (cut.status, cut.owner) == ("waiting", None)
        os.kill(int(bodies[1]), signal.SIGKILL) if not is_gone(bodies[1]) else None
        (home / "hold").unlink()
        (home / f"{command}.sh").unlink()
        start()
        until(lambda: getattr(ledger.run(run_id), "status", "") == "done")
        ended = ledger.run(run_id)
        assert ended is not None
        assert ended.attempt == 2
        again = (0, 1) if command == "ingest" else (step,)
        starts = [2 if one.position in again else 1 for one in ended.steps]
        assert [one.attempt for one in ended.steps] == starts


@pytest.mark.fault(41)
@pytest.mark.slow
def test_two_schedulers_of_two_machines_do_nothing_twice(
    start: Start, postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    with WorkLedger() as ledger:
        run_ids = [ask(ledger) for _ in range(4)]
        for home in homes:
            start({**postgres_warehouse.environment, "SIGNALROOM_HOME": str(home)})
        until(lambda: all(getattr(ledger.run(one), "status", "") == "done" for one in run_ids))
        assert all(step.attempt == 1 for run in ledger.recent() for step in run.steps)
    lines = [line for home in homes for line in _begun(home)]
    assert sorted({line.split()[0] for line in lines}) == sorted(run_ids)
    assert len(lines) == len(set(lines)) == 4 * 5


def _begun(home: Path) -> list[str]:
    log = home / "begun.log"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


@pytest.mark.fault(45)
@pytest.mark.parametrize("ago", [STALE_AFTER + timedelta(seconds=1), timedelta(hours=-1)])
def test_a_process_without_ticks_ends_so_that_it_is_started_anew(ago: timedelta) -> None:
    """There was no tick for minutes, or none since the machine's clock was set back."""
    resident = Resident()
    resident._pulse.last_tick = clock.instant() - ago
    assert resident._turn_until_stopped() == 1


@pytest.mark.slow
def test_a_job_is_triggered_with_a_scheduler_and_without(start: Start) -> None:
    home = {"SIGNALROOM_HOME": os.environ["SIGNALROOM_HOME"]}
    alone = signalroom_cli("trigger", "hourly", env=home)
    assert alone.returncode == 1
    assert "No scheduler is running" in alone.stderr
    assert signalroom_cli("trigger", "nightly", env=home).returncode == 2
    with WorkLedger() as ledger:
        assert ledger.recent() == []
        run_id = ask(ledger)
        said: list[str] = []
        ended = follow(ledger, [HOURLY], run_id, said.append, Bench().start)
        assert ended.status == "done"
        assert said == [f"{step.step}: done" for step in ended.steps]
        start()
        until(lambda: ledger.beat() is not None)
        waited = signalroom_cli("trigger", "hourly", "--wait", env=home)
        assert waited.returncode == 0, waited.stderr
        assert "dbt: done" in waited.stdout
        (paths.home() / "build.sh").write_text("exit 1")
        failing = signalroom_cli("trigger", "hourly", "--wait", env=home)
        assert failing.returncode == 1
        assert "done with errors" in failing.stdout
        assert len([line for line in begun() if line.split()[0] == run_id]) == 5
