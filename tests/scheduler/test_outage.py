"""The database goes away during a step: no result is lost, and no process ends."""

from __future__ import annotations

import time

import pytest

from scheduler.process import Resident
from scheduler.runs.work_ledger import WorkLedger
from signalroom import paths
from tests.scheduler.bench import Bench, begun
from tests.support.postgres import postgres_server

HOLD = 'while [ -f "$SIGNALROOM_HOME/hold" ]; do sleep 0.05; done'


@pytest.mark.fault(16, 48)
@pytest.mark.slow
def test_an_outage_of_the_database_loses_no_result_and_ends_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with postgres_server() as server, server.database() as environment:
        for name, value in {**environment, "SIGNALROOM_TARGET": "postgres"}.items():
            monkeypatch.setenv(name, value)
        resident, bench = Resident(), Bench()
        (paths.home() / "hold").touch()
        bench.body("ingest", HOLD)
        run_id = bench.ask()
        bench.turn_until(lambda: len(begun()) == 1)
        server.stop()
        (paths.home() / "hold").unlink()
        resident.tick()
        for _ in range(20):
            bench.executor.turn()
            time.sleep(0.05)
        server.start()
        run = bench.finish(run_id)
        assert run.status == "done"
        assert [step.attempt for step in run.steps] == [1] * 5
        assert len(begun()) == 4
        resident.tick()
        with WorkLedger() as ledger:
            assert ledger.beat() is not None
        bench.ledger.close()
