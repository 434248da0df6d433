"""A migration that is killed at any statement, or that two processes start at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from signalroom import migrations, run_database, warehouse
from tests.signalroom.test_migrations import deployed, prepare, rows, shape
from tests.support.warehouse import Target, Warehouse, empty_warehouse

FORK = multiprocessing.get_context("fork")
STATEMENTS = range(1, 34, 4)  # of at least 33: tables, columns, rows and the record of the steps
BEFORE_COMMIT = 0
DONE = 0
At = Callable[[], None]


class Watch:
    """Calls `at` after the nth statement of a migration, or after the last, before its commit."""

    def __init__(self, nth: int, at: At) -> None:
        self.nth, self.at = nth, at
        self.count, self.has_recorded = 0, False

    def over(self, execute: Any) -> Any:
        def counted(sql: str, params: Mapping[str, object] | None = None) -> Any:
            found = execute(sql, params)
            self.count += 1
            self.has_recorded |= "migrations (number" in sql
            if self.count == self.nth:
                self.at()
            return found

        return counted

    def before_commit(self) -> None:
        if self.nth == BEFORE_COMMIT and self.has_recorded:
            self.at()


def in_warehouse(nth: int, at: At) -> None:
    watch = Watch(nth, at)

    @contextmanager
    def transaction() -> Iterator[Any]:
        with warehouse.transaction() as execute:
            yield watch.over(execute)
            watch.before_commit()

    migrations.transaction = transaction  # type: ignore[assignment]
    migrations.prepare_warehouse()


def in_run_database(nth: int, at: At) -> None:
    watch, executing = Watch(nth, at), migrations.executing
    migrations.executing = lambda connection: watch.over(executing(connection))
    sa.event.listen(sa.Engine, "commit", lambda _: watch.before_commit())
    run_database.prepared_engine().dispose()


WHERE = {"warehouse": in_warehouse, "runs": in_run_database}


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(work: Callable[[], object]) -> Any:
    """Start a separate process, which skips the cleanup of the tests."""

    def run() -> None:
        work()
        os._exit(DONE)

    child = FORK.Process(target=run)
    child.start()
    return child


def ended(child: Any) -> int | None:
    child.join(60)
    if child.is_alive():
        child.kill()
    return child.exitcode  # type: ignore[no-any-return]


@pytest.fixture(params=["duckdb", "postgres"])
def old_and_new(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Warehouse, Warehouse]]:
    """The deployed warehouse, and a migrated one on the same engine."""
    target: Target = request.param
    server = request.getfixturevalue("postgres") if target == "postgres" else None
    with ExitStack() as stack:
        new = stack.enter_context(empty_warehouse(target, tmp_path / "new", server))
        new.activate(monkeypatch)
        prepare()
        yield stack.enter_context(deployed(target, tmp_path / "old", server)), new


def is_whole(
    old: Warehouse, new: Warehouse, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Whether it has the structure of a new one and every row that it had."""
    after = rows(old, monkeypatch)
    kept = {name: after[name] for name in before} == before
    return kept and shape(old, monkeypatch) == shape(new, monkeypatch)


@pytest.mark.parametrize("where", WHERE)
def test_a_migration_killed_at_any_statement_leaves_nothing_and_the_next_start_completes(
    old_and_new: tuple[Warehouse, Warehouse], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = old_and_new
    before, shaped = rows(old, monkeypatch), shape(old, monkeypatch)
    for nth in (*STATEMENTS, BEFORE_COMMIT):
        assert ended(in_a_child(partial(WHERE[where], nth, kill))) == -signal.SIGKILL
    assert (rows(old, monkeypatch), shape(old, monkeypatch)) == (before, shaped)
    prepare()
    assert is_whole(old, new, before, monkeypatch)


# the database of runs waits with the same lock
@pytest.mark.parametrize("where", ["warehouse", pytest.param("runs", marks=pytest.mark.deep)])
def test_a_start_that_waits_for_another_ones_migration_completes_it_when_that_is_killed(
    old_and_new: tuple[Warehouse, Warehouse], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = old_and_new
    before = rows(old, monkeypatch)
    is_inside, is_over = FORK.Event(), FORK.Event()

    def hold_then_kill(inside: Event = is_inside, over: Event = is_over) -> None:
        inside.set()
        over.wait(60)
        kill()

    first = in_a_child(partial(WHERE[where], STATEMENTS[-2], hold_then_kill))
    assert is_inside.wait(60)
    waiting = [in_a_child(prepare) for _ in range(2)]
    waiting[0].join(0.5)
    assert [one.exitcode for one in waiting] == [None, None]
    is_over.set()
    assert ended(first) == -signal.SIGKILL
    assert [ended(one) for one in waiting] == [DONE, DONE]
    assert is_whole(old, new, before, monkeypatch)


def test_starts_at_the_same_moment_migrate_once(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = old_and_new
    before = rows(old, monkeypatch)
    gate = FORK.Barrier(4)

    def start() -> None:
        gate.wait(60)
        prepare()

    assert [ended(one) for one in [in_a_child(start) for _ in range(4)]] == [DONE] * 4
    assert is_whole(old, new, before, monkeypatch)
