"""What the ledger ensures between workflows, workers and engines; this needs no server."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.execution.child import WORDS_S
from scheduler.execution.incidents import Troubles
from scheduler.execution.run import LostError
from scheduler.runs.ledger import Run
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from scheduler.temporal import bookkeeping
from scheduler.temporal.activities import backfill_order
from scheduler.temporal.model import Backfill, Finishing, Opened, Opening, StepInput
from signalroom import clock, paths
from signalroom.errors import WarehouseError
from signalroom.lock import hold
from tests.scheduler.bench import Bench
from tests.support.warehouse import Warehouse

AT = datetime(2026, 11, 19, 17, tzinfo=UTC)
HOURLY = next(job for job in read_schedule() if job.name == "hourly")


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", AT.isoformat())


def take(ledger: WorkLedger, workflow: str, **opening: str) -> Opened:
    given = Opening(at=AT.isoformat(), **opening)  # type: ignore[arg-type]
    owner = bookkeeping.owner_of("default", workflow, "1")
    return bookkeeping.open_run(ledger, given, owner, workflow)


def the_run(ledger: WorkLedger, run_id: str) -> Run:
    found = ledger.run(run_id)
    assert found is not None
    return found


def finish(ledger: WorkLedger, opened: Opened) -> str:
    given = Finishing(opened.run_id, opened.job, opened.owner, opened.at, opened.limit_min)
    return bookkeeping.finish_run(ledger, given).status


def step(opened: Opened, name: str) -> StepInput:
    return StepInput(opened.run_id, opened.job, opened.owner, opened.at, name, 30)


def test_one_workflow_gets_a_run_again_when_its_answer_was_lost_and_no_other_gets_it() -> None:
    with WorkLedger() as ledger:
        first = take(ledger, "signalroom-hourly-a", job="hourly")
        assert first == take(ledger, "signalroom-hourly-a", job="hourly")
        assert (first.run_id, first.pulls) == ("hourly-20261119T1700Z", ["everflow", "redtrack"])
        assert take(ledger, "signalroom-hourly-b", job="hourly").run_id == ""


def test_runs_with_a_source_in_common_wait_and_those_of_two_clients_do_not() -> None:
    with WorkLedger() as ledger:
        opened = take(ledger, "signalroom-hourly-a", job="hourly")
        with pytest.raises(bookkeeping.BusyError, match=opened.run_id):
            take(ledger, "signalroom-one", source="everflow", client="713")
        assert take(ledger, "signalroom-two", source="s3_exports", client="713").run_id == "two"
        assert finish(ledger, opened) == "failed"  # no step has ended
        assert take(ledger, "signalroom-one", source="everflow", client="713").run_id == "one"
        assert take(ledger, "signalroom-three", source="everflow", client="cti").run_id == "three"
        with pytest.raises(bookkeeping.BusyError, match="one"):
            take(ledger, "signalroom-four", source="everflow", client="713")


def test_a_workflow_knows_until_when_its_reports_wait_and_a_second_build_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = datetime(2026, 11, 19, 12, 30, tzinfo=UTC)
    bench = Bench(HOURLY)
    opening = Opening(job="daily_reports", at=at.isoformat())
    monkeypatch.setenv("SIGNALROOM_NOW", (at + timedelta(minutes=1)).isoformat())
    owner = bookkeeping.owner_of("default", "a", "1")
    opened = bookkeeping.open_run(bench.ledger, opening, owner, "a")
    assert opened.reports_at == ""  # the clock is stopped
    monkeypatch.setenv("SIGNALROOM_CLOCK_FACTOR", "1")
    monkeypatch.setenv("SIGNALROOM_CLOCK_SINCE", clock.instant().isoformat())
    opened = bookkeeping.open_run(bench.ledger, opening, owner, "a")
    left = datetime.fromisoformat(opened.reports_at) - clock.instant()
    assert timedelta(minutes=13) < left <= timedelta(minutes=14)

    bench.body("build", "echo $SIGNALROOM_LOCK_WAIT_S >> $SIGNALROOM_HOME/waits")
    tries = (("dbt", False, 1), ("dbt", False, 1), ("report:daily_ccw", False, 1), ("dbt", True, 2))
    for name, again, attempts in tries:
        given = replace(step(opened, name), again=again)
        work = bookkeeping.work_of(bench.ledger, given, Troubles(), bench.start)
        while not work.advance(clock.instant()):
            time.sleep(0.02)
        assert bench.step(opened.run_id, name).attempt == attempts
    first, second = (paths.home() / "waits").read_text(encoding="utf-8").split()
    assert float(first) < 14 * 60
    assert float(second) == HOURLY.limit * 60 - WORDS_S  # after the reports it has all its time
    bench.ledger.close()


def test_a_run_is_closed_once_and_what_no_worker_finished_is_named() -> None:
    with WorkLedger() as ledger:
        opened = take(ledger, "signalroom-hourly-a", job="hourly")
        assert finish(ledger, opened) == finish(ledger, opened) == "failed"
        run = the_run(ledger, opened.run_id)
        assert {one.error for one in run.steps} == {"no worker brought this step to its end"}


def test_the_other_engine_takes_over_only_what_no_worker_looks_after() -> None:
    bench = Bench(HOURLY)
    opened = take(bench.ledger, "signalroom-hourly-a", job="hourly")
    bench.executor.turn()
    assert not bench.executor.works
    bench.ahead = timedelta(minutes=9)
    bookkeeping.renew(bench.ledger, the_run(bench.ledger, opened.run_id))
    bench.ahead = bookkeeping.LEASE + timedelta(seconds=5)
    assert bench.finish(opened.run_id).status == "done"
    with pytest.raises(LostError):
        bookkeeping.work_of(bench.ledger, step(opened, "dbt"), Troubles())
    assert finish(bench.ledger, opened) == "done"
    bench.ledger.close()


def test_a_try_of_a_step_changes_nothing_after_a_later_one_has_begun(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(HOURLY)
    opened = take(bench.ledger, "signalroom-hourly-a", job="hourly")
    bench.body("build", "sleep 30")
    old, new = (
        bookkeeping.work_of(bench.ledger, step(opened, "dbt"), Troubles(), bench.start)
        for _ in range(2)
    )
    old.advance(clock.instant())
    with pytest.raises(LostError):  # it did not know that the first one had started
        new.advance(clock.instant())
    newest = bookkeeping.work_of(bench.ledger, step(opened, "dbt"), Troubles(), bench.start)
    newest.advance(clock.instant())
    assert old.child
    old.child.kill()
    caplog.clear()
    with pytest.raises(LostError):
        old.advance(clock.instant())
    assert caplog.messages == []  # nor does it report how the step ended
    assert newest.child
    newest.child.kill()
    assert the_run(bench.ledger, opened.run_id).steps[2].attempt == 2
    bench.ledger.close()


def test_a_process_whose_try_is_not_the_newest_gets_no_lock(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was frozen until its lease expired and then woke up, on any machine."""
    with WorkLedger() as ledger:
        opened = take(ledger, "signalroom-hourly-a", job="hourly")
        ledger.change_step(opened.run_id, opened.owner, "dbt", status="running", attempt=2)
    monkeypatch.setenv("SIGNALROOM_RUN_ID", opened.run_id)
    monkeypatch.setenv("SIGNALROOM_RUN_OWNER", opened.owner)
    monkeypatch.setenv("SIGNALROOM_STEP", "dbt")
    monkeypatch.setenv("SIGNALROOM_STEP_TRY", "2")
    with hold("dbt build"):
        pass
    monkeypatch.setenv("SIGNALROOM_STEP_TRY", "1")
    with pytest.raises(WarehouseError, match="was taken over"), hold("dbt build"):
        pass


def test_workflow_with_an_id_that_somebody_typed_is_lost_or_writes_elsewhere() -> None:
    typed = "../../b/c"
    with WorkLedger() as ledger:
        opened = take(ledger, typed, source="everflow", client="713")
        [(run, workflow, execution)] = bookkeeping.left_behind(ledger)
        assert (run.run_id, workflow, execution) == (opened.run_id, typed, "1")
        assert "/" not in opened.run_id
    asked = Backfill("everflow", "2026-07-01", "2026-09-30")
    for name in (typed, "..", ".", "a b"):
        log = Path(backfill_order(asked, name).log)
        assert len(log.parts) == 4, log
        assert ".." not in log.parts


def test_an_ended_workflows_run_is_freed_and_one_nobody_began_is_found() -> None:
    with WorkLedger() as ledger:
        opened = take(ledger, "signalroom-hourly-a", job="hourly")
        [(run, workflow, execution)] = bookkeeping.left_behind(ledger)
        assert (run.run_id, workflow, execution) == (opened.run_id, "signalroom-hourly-a", "1")
        assert bookkeeping.free(ledger, run)
        assert the_run(ledger, opened.run_id).status == "failed"
        assert list(bookkeeping.left_behind(ledger)) == []
        asked_for = replace(
            run,
            run_id="by-hand",
            dedupe_key="by-hand",
            trigger="manual",
            status="due",
            owner=None,
            leased_until=None,
            created_at=clock.instant() - timedelta(minutes=2),
            steps=(),
        )
        ledger.record(asked_for)
        found = bookkeeping.waiting_for_a_worker(ledger)
        assert [one.run_id for one in found] == ["by-hand"]
