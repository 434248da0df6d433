"""Behind a transaction pooler nothing may depend on a session, such as a lock or a role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Agency
from scheduler.planning import requested
from scheduler.runs.work_ledger import WorkLedger
from signalroom import access, clock, lock
from signalroom.errors import WarehouseError
from signalroom.warehouse import read
from tests.ingest.test_killed import AFTER, BEFORE, expected, load, stored
from tests.main_job.test_main_job import rows_of
from tests.scheduler.bench import PULL
from tests.signalroom.test_access import MARTS
from tests.support.pooler import find_pgbouncer, pooler
from tests.support.postgres import PostgresServer
from tests.support.processes import signalroom_cli
from tests.support.warehouse import Warehouse, empty_warehouse

ROLE = "pooler_report"
missing = pytest.mark.skipif(
    find_pgbouncer() is None,
    reason="pgbouncer is missing: `apt install pgbouncer`; make test-deep installs it",
)


@pytest.fixture
def pooled(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An empty database behind a pooler that gives each transaction a different session."""
    with (
        empty_warehouse("postgres", tmp_path / "home", postgres) as direct,
        pooler(postgres, tmp_path) as through,
    ):
        one = Warehouse("postgres", direct.home, {**direct.environment, **through})
        one.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T14:30:00+00:00")
        monkeypatch.setenv("SIGNALROOM_REPORT_ROLE", ROLE)
        yield one


@missing
@pytest.mark.fault(61)
def test_loads_through_it_are_whole_and_restated(pooled: Warehouse) -> None:
    load(BEFORE)
    load(AFTER)
    assert stored(pooled) == expected(AFTER)
    assert load(AFTER).changed == 0


@missing
@pytest.mark.fault(61)
def test_a_lock_holds_across_sessions_and_its_holder_is_named(
    pooled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "0.2")
    busy = pytest.raises(WarehouseError, match=r"ingest everflow.*process \d+.* since \d{4}-")
    with lock.hold("ingest everflow"):
        for _ in range(5):
            pooled.rows("select 1")
        with busy, lock.hold("ingest everflow"):
            pass
        assert lock.is_held("ingest everflow")
    assert not lock.is_held("ingest everflow")
    with lock.hold("ingest everflow"):
        pass


@missing
@pytest.mark.fault(39, 61)
def test_a_frozen_worker_behind_it_is_ended(
    pooled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler.runs.ledger import connection_name

    now = clock.instant()
    run = requested(PULL, "manual", now, now)
    with WorkLedger() as ledger:
        ledger.record(run)
        ledger.claim(run, "frozen", now)
        monkeypatch.setenv("PGAPPNAME", connection_name(run.run_id))

        def work() -> None:
            with lock.hold("ingest everflow"):
                monkeypatch.delenv("PGAPPNAME")
                assert ledger.end_connections(run.run_id) >= 1
                monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "5")
                with lock.hold("ingest everflow"):
                    pass

        with pytest.raises(WarehouseError, match="its lock was lost"):
            work()


@missing
@pytest.mark.fault(57, 61)
def test_a_report_reads_one_client_and_leaves_no_role_behind(
    pooled: Warehouse, postgres: PostgresServer
) -> None:
    pooled.execute(MARTS)
    postgres.command("alter role signalroom createrole")
    try:
        access.set_up()
        for _ in range(3):
            for client_id, amount in (("713", 1), ("cti", 2)):
                found = read("select amount from orders", client_id=client_id)
                assert [row["amount"] for row in found] == [amount]
            assert len(read("select amount from orders")) == 2
            assert pooled.rows("select current_user")[0][0] == "signalroom"
    finally:
        pooled.execute(f"drop owned by {ROLE}")
        postgres.command(f"drop role if exists {ROLE}")
        postgres.command("alter role signalroom nocreaterole")


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.fault(61)
@pytest.mark.timeout(900)
def test_the_main_job_through_it_tells_the_truth_twice(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    assert find_pgbouncer(), "apt install pgbouncer"
    with (
        Agency() as agency,
        empty_warehouse("postgres", tmp_path / "home", postgres) as direct,
        pooler(postgres, tmp_path, size=8) as through,
    ):
        env = {**agency.environment(), **direct.environment, **through, "SIGNALROOM_SANDBOX": "1"}
        for _ in range(2):
            done = signalroom_cli("run", "--client", "713", "--source", "everflow",
                                  "--source", "redtrack", env=env)  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        columns = ["date", "affiliate_label", "conversions", "cost"]
        found = [
            dict(zip(columns, row, strict=True))
            for row in direct.rows(
                f"select {', '.join(columns)} from marts.daily_performance where _client_id = '713'"
            )
        ]
        today = agency.calendar.today()
        truth = agency.truth("713", start=min(row["date"] for row in found), end=today)
        assert rows_of(found, columns) == rows_of(truth.daily_performance, columns)
        doctor = signalroom_cli("doctor", "--offline", env=env)
        assert "Traceback" not in doctor.stdout + doctor.stderr
