"""Around a run: a faster clock, a dbt that dies with its parent, a notice that is sent."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reports.alerts import incidents
from signalroom import clock
from signalroom.errors import ConfigurationError
from tests.scheduler.bench import PULL, Bench, is_gone
from tests.support.processes import BIN, own_environment
from tests.support.warehouse import Warehouse
from tests.transform import raw


def test_business_time_runs_faster_where_a_rehearsal_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T07:00:00-05:00")
    frozen = clock.now()
    assert clock.now() == frozen
    monkeypatch.setenv("SIGNALROOM_CLOCK_FACTOR", "3600")
    first = clock.now()
    time.sleep(0.02)
    assert clock.now() - first >= timedelta(seconds=60)
    monkeypatch.setenv("SIGNALROOM_CLOCK_FACTOR", "fast")
    with pytest.raises(ConfigurationError, match="SIGNALROOM_CLOCK_FACTOR"):
        clock.now()


@pytest.mark.fault(33)
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_dbt_does_not_outlive_the_command_that_started_it(warehouse: Warehouse) -> None:
    raw.create_tables(warehouse)  # without any tables, a build would end before it can be observed
    env = own_environment(warehouse.environment)
    quiet = subprocess.DEVNULL
    with subprocess.Popen([str(BIN / "signalroom"), "build"], env=env, stdout=quiet) as build:
        children = Path(f"/proc/{build.pid}/task/{build.pid}/children")
        give_up_at = time.monotonic() + 60
        dbt = ""
        while not dbt:
            assert time.monotonic() < give_up_at
            assert build.poll() is None
            time.sleep(0.02)
            for pid in children.read_text(encoding="utf-8").split():
                command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                # by then it is tied to its parent: it has become the dbt process itself
                dbt = pid if command[1:3] == [b"-m", b"transform.dbt_process"] else dbt
        build.send_signal(signal.SIGKILL)
        while not is_gone(dbt):
            assert time.monotonic() < give_up_at
            time.sleep(0.02)


def test_a_job_tells_its_channels_how_it_ended_and_is_quiet_otherwise() -> None:
    loud = replace(PULL, name="loud", on_success=("slack",))
    bench = Bench(PULL, loud)
    bench.finish(bench.ask(PULL))
    assert not incidents.work_waits()
    run = bench.finish(bench.ask(loud))
    assert run.status == "done"
    assert incidents.work_waits()
    bench.ledger.close()
