"""Concurrent processes: no run is started twice, or changed by a process that lost it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from scheduler.planning import Turn, requested, scheduled
from scheduler.runs.ledger import Run, connection_name, has_died, worker_id
from scheduler.runs.work_ledger import LEASE, WorkLedger
from signalroom import clock
from signalroom.errors import WarehouseError
from signalroom.lock import hold
from signalroom.warehouse import postgres_connection
from tests.scheduler.bench import NOON, PULL
from tests.support.warehouse import ON_POSTGRES, Warehouse


@pytest.fixture
def ledger(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkLedger]:
    warehouse.activate(monkeypatch)
    with WorkLedger() as one:
        yield one


def at_once(*works: object) -> list[Any]:
    """The results of some calls that are made at the same moment."""
    gate = threading.Barrier(len(works))
    found: list[Any] = []

    def go(work: object) -> None:
        gate.wait()
        found.append(work())  # type: ignore[operator]

    threads = [threading.Thread(target=go, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.fault(41)
def test_many_processes_record_and_claim_a_run_and_one_does_either(ledger: WorkLedger) -> None:
    now = clock.instant()
    run = scheduled(Turn(PULL, NOON), now)
    others = [WorkLedger() for _ in range(4)]
    try:
        assert sorted(at_once(*[lambda o=o: o.record(run) for o in others])) == [False] * 3 + [True]
        claims = [lambda o=o, n=n: o.claim(run, f"host:{n}:1", now) for n, o in enumerate(others)]
        assert sorted(at_once(*claims)) == [False] * 3 + [True]
    finally:
        for other in others:
            other.close()
    [found] = ledger.open_runs()
    assert (found.run_id, found.status, found.attempt) == ("pull-20261119T1700Z", "running", 1)
    assert [step.step for step in found.steps][:3] == ["ingest:everflow", "ingest:redtrack", "dbt"]


@pytest.mark.fault(39)
def test_one_who_lost_a_run_changes_nothing_of_it(ledger: WorkLedger) -> None:
    now = clock.instant()
    run = requested(PULL, "manual", NOON, now)
    ledger.record(run)
    assert ledger.claim(run, "frozen", now)
    assert ledger.change_step(run.run_id, "frozen", "dbt", status="running")
    later = now + LEASE + timedelta(seconds=1)
    assert not ledger.claim(run, "new owner", now + LEASE - timedelta(seconds=1))
    assert ledger.claim(run, "new owner", later)
    assert ledger.renew("frozen", later) == frozenset()
    assert not ledger.change_step(run.run_id, "frozen", "dbt", status="done")
    assert not ledger.settle(run.run_id, "frozen", "done")
    assert not ledger.release(run.run_id, "frozen", later)
    held = ledger.run(run.run_id)
    assert isinstance(held, Run)
    assert (held.owner, held.attempt) == ("new owner", 2)
    assert {step.step: step.status for step in held.steps}["dbt"] == "pending"
    assert ledger.settle(run.run_id, "new owner", "done", finished_at=later)
    assert ledger.open_runs() == []
    done = ledger.run(run.run_id)
    assert done is not None
    assert done.finished_at == later


@pytest.mark.fault(12, 35)
def test_a_second_writer_is_told_who_holds_the_lock_and_since_when(
    ledger: WorkLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "0.2")
    busy = pytest.raises(WarehouseError, match=r"dbt build.*process \d+.* since \d{4}-")
    with hold("dbt build"), busy, hold("dbt build"):
        pass
    with hold("dbt build"):
        pass


@pytest.mark.fault(39)
@ON_POSTGRES
def test_a_frozen_workers_connections_end_when_its_run_is_taken_over(
    ledger: WorkLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a lock and an open transaction; SIGSTOP leaves both in place."""
    now = clock.instant()
    run, other = (requested(PULL, "manual", NOON, now) for _ in range(2))
    assert ledger.record(run)
    assert ledger.claim(run, "frozen", now)
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "0.2")
    monkeypatch.setenv("PGAPPNAME", connection_name(run.run_id))

    def load() -> None:
        with hold("ingest everflow"), postgres_connection() as frozen:
            frozen.cursor().execute("create table public.half_loaded (i int)")
            monkeypatch.setenv("PGAPPNAME", connection_name(other.run_id))
            with postgres_connection() as bystander:
                assert ledger.end_connections(run.run_id) == 2
                time.sleep(0.2)
                with hold("ingest everflow"):  # the lock is free
                    bystander.cursor().execute("select 1")
            with pytest.raises(psycopg2.Error):
                frozen.commit()

    with pytest.raises(WarehouseError, match="its lock was lost"):
        load()
    assert ledger.end_connections(run.run_id) == 0


@pytest.mark.fault(39)
@ON_POSTGRES
def test_one_who_wakes_without_its_run_gets_no_lock(
    ledger: WorkLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that was frozen between reading from its vendor and loading would load old rows."""
    now = clock.instant()
    run = requested(PULL, "manual", NOON, now)
    assert ledger.record(run)
    assert ledger.claim(run, "frozen", now)
    monkeypatch.setenv("SIGNALROOM_RUN_ID", run.run_id)
    monkeypatch.setenv("SIGNALROOM_RUN_OWNER", "frozen")
    with hold("ingest everflow"):
        pass
    assert ledger.claim(run, "another", now + LEASE + timedelta(seconds=1))
    with pytest.raises(WarehouseError, match="taken over"), hold("ingest everflow"):
        pytest.fail("it has the lock")


@pytest.mark.fault(41)
def test_owners_of_one_host_name_on_two_machines_are_not_confused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Machines and containers of the same image share host names and process numbers."""
    mine = worker_id()
    place, pid, started = mine.rsplit(":", 2)
    assert not has_died(mine)
    assert has_died(f"{place}:{pid}:{int(started) + 1}")
    host, boot, space = place.split("/")
    for elsewhere in (f"{host}/another-boot/{space}", f"{host}/{boot}/4026539999", host):
        assert not has_died(f"{elsewhere}:{pid}:{int(started) + 1}")
    assert not has_died("anything at all")
