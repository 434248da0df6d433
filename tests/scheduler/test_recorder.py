"""Runs of a command: visible to others, and not resumed by the scheduler."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.planning import by_command
from scheduler.runs.ledger import Run
from scheduler.runs.recorder import Recorder
from scheduler.runs.work_ledger import LEASE, WorkLedger
from signalroom import clock
from signalroom.progress import Silent
from tests.scheduler.bench import NOON, PULL, Bench, begun


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))


def command() -> Run:
    return by_command(["everflow", "redtrack"], ["daily_ccw"], {}, NOON, clock.instant())


def recorded() -> Run:
    with WorkLedger() as ledger:
        (run,) = ledger.recent()
    return run


def test_a_command_is_a_run_like_any_other() -> None:
    with Recorder(command(), Silent()) as record:
        record.begin("ingest:everflow")
        running = recorded()
        assert (running.status, running.trigger, running.job) == ("running", "command", "run")
        record.end("ingest:everflow", [], rows=7)
        record.begin("ingest:redtrack")
        record.end("ingest:redtrack", ["the key is refused"])
        record.begin("dbt")
        record.end("dbt", [])
    run = recorded()
    assert (run.status, run.error) == ("done_with_errors", "ingest:redtrack: the key is refused")
    assert [step.status for step in run.steps] == ["done", "failed", "done", "pending"]
    assert run.rows == 7


def test_an_interrupted_command_has_failed() -> None:
    def interrupted() -> None:
        with Recorder(command(), Silent()) as record:
            record.begin("dbt")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (recorded().status, recorded().error) == ("failed", "interrupted")


def test_no_scheduler_resumes_what_a_command_left() -> None:
    """A run without --send would be sent, and a simulated one would reach real vendors."""
    bench = Bench()
    run = command()
    with Recorder(run, Silent()):
        bench.executor.turn()
        assert recorded().status == "running"
        # killed: the lease expires, as on another machine
        bench.ahead = LEASE + timedelta(seconds=30)
        for _ in range(3):
            bench.executor.turn()
            bench.ahead += timedelta(seconds=2)
        assert (recorded().status, recorded().error) == ("failed", "interrupted")
    assert begun() == []
    bench.ledger.close()


def test_the_scheduler_waits_for_a_command_that_pulls_the_same_source() -> None:
    bench = Bench()
    with Recorder(command(), Silent()):
        waiting = bench.ask(PULL)
        bench.executor.turn()
        assert bench.run(waiting).status == "due"
    bench.finish(waiting)
    assert bench.run(waiting).status == "done"
    bench.executor.stop(1.0)
    bench.ledger.close()
