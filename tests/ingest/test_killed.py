"""A load that is killed at any point: no row is lost or doubled, and the next load succeeds."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dlt
import pytest
from dlt.common.destination.client import RunnableLoadJob
from dlt.common.storages import LoadStorage
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from dlt.destinations.job_client_impl import SqlJobClientBase, SqlLoadJob
from dlt.normalize.normalize import Normalize

from ingest import loads as ledger
from ingest import pull as pipeline
from ingest import registry
from ingest.model import Pull, Row, Window
from ingest.registry import SourceSettings
from ingest.resources import SOURCE, daily
from ingest.sources.everflow.columns import COLUMNS, CONTROLLED
from signalroom.errors import WarehouseError
from tests.ingest.test_load import row
from tests.support.warehouse import Warehouse, copied

DAYS = [date(2026, 11, day) for day in range(15, 19)]
EVERY_DAY = Window(DAYS[0], DAYS[-1])
BEFORE = [row(day, 1, "10.10") for day in DAYS[:2]] + [row(DAYS[0], 9, "99")]
AFTER = [row(day, who, f"{who}.{day:%d}") for day in DAYS for who in (1, 2, 3)]
_extract_kills = False


def source(rows: list[Row]) -> SourceSettings:
    """A source of two tables whose vendor answers with these rows."""

    def read(pull: Pull) -> Iterator[Row]:
        for one in rows:
            yield dict(one, _client_id=pull.client_id)
        if _extract_kills:
            os.kill(os.getpid(), signal.SIGKILL)

    @daily(columns=COLUMNS, measures=CONTROLLED)
    def daily_stats(pull: Pull) -> list[Row]:
        return list(read(pull))

    @daily(columns=COLUMNS, measures=CONTROLLED)
    def other_stats(pull: Pull) -> list[Row]:
        return list(read(pull))

    @dlt.source(name="everflow", **SOURCE)
    def everflow(pull: Pull) -> Any:
        return daily_stats(pull), other_stats(pull)

    return replace(
        registry.source("everflow"),
        tables={"daily_stats": "day", "other_stats": "day"},
        optional={},
        functions=SimpleNamespace(everflow=everflow),
    )


def load(rows: list[Row]) -> pipeline.Loaded:
    one = source(rows)
    return pipeline.load(one, pipeline.make_pull(one, "713", window=EVERY_DAY))


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    setattr(owner, name, lambda *args, **kwargs: killed())


def after(owner: Any, name: str) -> None:
    function = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        killed()

    setattr(owner, name, wrapped)


def before_commit_of(job: type[RunnableLoadJob]) -> None:
    """Kill when the transaction of such a job has done everything except its commit."""
    managed, copy = RunnableLoadJob.run_managed, DuckDbCopyJob.run
    thread = threading.local()

    def run_managed(self: RunnableLoadJob, *args: Any) -> None:
        thread.is_inside = isinstance(self, SqlLoadJob) is (job is SqlLoadJob)
        managed(self, *args)

    def run(self: Any) -> None:
        if thread.is_inside:
            self._job_client.sql_client.native_connection.begin()  # otherwise it commits by itself
        copy(self)
        if thread.is_inside:
            killed()

    RunnableLoadJob.run_managed = run_managed  # type: ignore[method-assign]
    DuckDbCopyJob.run = run  # type: ignore[method-assign]
    for client in (DuckDbSqlClient, Psycopg2SqlClient):
        begin = client.begin_transaction

        @contextmanager
        def begin_transaction(self: Any, begin: Any = begin) -> Iterator[Any]:
            with begin(self) as transaction:
                yield transaction
                if getattr(thread, "is_inside", False):
                    killed()

        client.begin_transaction = begin_transaction  # type: ignore[method-assign,assignment]


def in_extract() -> None:
    global _extract_kills
    _extract_kills = True


POINTS: dict[str, Callable[[], None]] = {
    "1 in extract": in_extract,
    "2 between extract and normalize": lambda: before(dlt.Pipeline, "normalize"),
    "3 in normalize": lambda: after(Normalize, "map_single"),
    "3 at the end of normalize": lambda: before(LoadStorage, "commit_new_load_package"),
    "4 in the load's transaction": lambda: before_commit_of(RunnableLoadJob),
    "5 after its commit": lambda: before(RunnableLoadJob, "_release"),
    "6 in the merge": lambda: before_commit_of(SqlLoadJob),
    "7 before dlt says loaded": lambda: before(SqlJobClientBase, "complete_load"),
    "8 before dlt's package is closed": lambda: before(LoadStorage, "complete_load_package"),
    "between dlt and the ledger": lambda: before(ledger, "record"),
    "after the ledger": lambda: after(ledger, "record"),
}


# Before rows reach the warehouse, both engines behave the same.
CASES = [
    pytest.param(point, target, marks=[pytest.mark.deep] * (point < "4" and target == "postgres"))
    for point in POINTS
    for target in ("duckdb", "postgres")
]


def load_in_a_child(
    prepare: Callable[[], None], work: Callable[[], object] = lambda: load(AFTER)
) -> int | None:
    """Load in a separate process after this preparation; returns its exit code."""

    def prepared() -> None:
        prepare()
        work()
        os._exit(0)  # skips the cleanup of the tests

    child = multiprocessing.get_context("fork").Process(target=prepared)
    child.start()
    child.join(60)
    if child.is_alive():
        child.kill()
    return child.exitcode


def stored(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: warehouse.rows(
            f"select date, affiliate_id, revenue from everflow.{table} order by 1, 2"
        )
        for table in ("daily_stats", "other_stats")
    }


def load_ids(warehouse: Warehouse) -> set[str]:
    """The loads that count as done."""
    return {load_id for (load_id,) in warehouse.rows("select distinct load_id from ops.loads")}


def expected(rows: list[Row]) -> dict[str, list[tuple[Any, ...]]]:
    found = sorted((one["date"], one["affiliate_id"], one["revenue"]) for one in rows)
    return {"daily_stats": found, "other_stats": found}


NOW = "2026-11-19T14:30:00+00:00"


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse) -> Warehouse:
    """A warehouse with the earlier rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNALROOM_NOW", NOW)
        module_warehouse.activate(patch)
        load(BEFORE)
    return module_warehouse


@pytest.fixture
def warehouse(
    loaded: Warehouse,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Warehouse]:
    """A copy of it for one test."""
    server = request.getfixturevalue("postgres") if loaded.target == "postgres" else None
    with copied(loaded, tmp_path / "home", server) as warehouse:
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", NOW)
        yield warehouse


@pytest.mark.fault(1, 2, 3, 4, 5, 6, 7, 8, 9)
@pytest.mark.parametrize(("point", "module_warehouse"), CASES, indirect=["module_warehouse"])
def test_a_load_killed_at_any_point_is_made_whole_by_the_next(
    warehouse: Warehouse, point: str
) -> None:
    before = load_ids(warehouse)
    assert load_in_a_child(POINTS[point]) == -signal.SIGKILL
    is_noted = load_ids(warehouse) != before
    assert is_noted is (point == "after the ledger"), "what is not whole counts as done"
    again = load(AFTER)
    assert again.failures == ()
    assert stored(warehouse) == expected(AFTER)
    assert load(AFTER).changed == 0
    assert stored(warehouse) == expected(AFTER)


@pytest.mark.fault(13)
@pytest.mark.parametrize("is_merge", [False, True], ids=["copy", "merge"])
def test_a_commit_whose_answer_is_lost_doubles_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, is_merge: bool
) -> None:
    """The load recovers by itself, or it ends and the next one is complete."""
    managed = RunnableLoadJob.run_managed
    lost: set[str] = set()

    def run_managed(self: Any, *args: Any) -> None:
        run = self.run

        def in_doubt() -> None:
            run()
            if isinstance(self, SqlLoadJob) is is_merge and self.job_id() not in lost:
                lost.add(self.job_id())
                raise DatabaseTransientException(Exception("the connection was lost"))

        self.run = in_doubt
        managed(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(RunnableLoadJob, "run_managed", run_managed)
        try:
            load(AFTER)
        except WarehouseError:
            pass
        else:
            assert stored(warehouse) == expected(AFTER)
    assert lost
    load(AFTER)
    assert stored(warehouse) == expected(AFTER)


@pytest.mark.fault(14)
@pytest.mark.parametrize("module_warehouse", ["postgres"], indirect=True)
def test_a_backend_that_is_ended_in_a_job_is_tried_again_within_the_load(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    managed = RunnableLoadJob.run_managed
    ended: set[str] = set()

    def run_managed(self: Any, *args: Any) -> None:
        run = self.run

        def without_backend() -> None:
            if self.job_id() not in ended:
                ended.add(self.job_id())
                pid = self._job_client.sql_client.native_connection.info.backend_pid
                warehouse.rows(f"select pg_terminate_backend({pid})")
            run()

        self.run = without_backend
        managed(self, *args)

    monkeypatch.setattr(RunnableLoadJob, "run_managed", run_managed)
    load(AFTER)
    assert len(ended) >= 4
    assert stored(warehouse) == expected(AFTER)
