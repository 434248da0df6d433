"""A database from an older version: no column may be missing, and no row lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cli.main import signalroom
from signalroom import migrations, run_database, tables
from signalroom.errors import ConfigurationError
from signalroom.migrations import STEPS, Step
from signalroom.warehouse import transaction
from tests.support.deployed import restore_postgres, unpack_home
from tests.support.postgres import PostgresServer
from tests.support.warehouse import Target, Warehouse, empty_warehouse

COLUMNS = """
select table_name, column_name, data_type, is_nullable from information_schema.columns
where table_schema = 'ops' order by table_name, ordinal_position
"""
FUTURE = Step(
    9001, "Rename what older code reads", "runs", sql=("update {ops}beats set pid = pid",),
    is_breaking=True,
)  # fmt: skip


@contextmanager
def deployed(target: Target, home: Path, server: PostgresServer | None) -> Iterator[Warehouse]:
    """The warehouse that 3956d4b left behind."""
    with empty_warehouse(target, home, server) as warehouse:
        if target == "duckdb":
            unpack_home(home)
        else:
            restore_postgres(warehouse.environment)
        yield warehouse


@pytest.fixture(params=["duckdb", "postgres"])
def old_and_new(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Warehouse, Warehouse]]:
    """The deployed warehouse, and an empty one on the same engine."""
    target: Target = request.param
    server = request.getfixturevalue("postgres") if target == "postgres" else None
    with ExitStack() as stack:
        yield (
            stack.enter_context(deployed(target, tmp_path / "old", server)),
            stack.enter_context(empty_warehouse(target, tmp_path / "new", server)),
        )


def prepare() -> None:
    migrations.prepare_warehouse()
    run_database.prepared_engine().dispose()


def shape(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Columns of all our tables, with types; indexes of the run database."""
    warehouse.activate(monkeypatch)
    found: dict[str, list[Any]] = {}
    for table, *column in warehouse.rows(COLUMNS):
        found.setdefault(table, []).append(tuple(column))
    schema = "ops" if warehouse.target == "postgres" else None
    engine = run_database.engine()
    inspected = sa.inspect(engine)
    for table in inspected.get_table_names(schema=schema):
        columns = inspected.get_columns(table, schema=schema)
        indexes = inspected.get_indexes(table, schema=schema)
        found[f"run database: {table}"] = [
            *((one["name"], str(one["type"]), one["nullable"]) for one in columns),
            *sorted((str(one["name"]), str(one["column_names"])) for one in indexes),
        ]
    engine.dispose()
    return found


def rows(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Every row of every table that the deployed version had."""
    warehouse.activate(monkeypatch)
    found: dict[str, list[Any]] = {}
    engine = run_database.engine()
    names = sa.inspect(engine).get_table_names(
        schema="ops" if warehouse.target == "postgres" else None
    )
    with engine.connect() as connection:
        for table in tables.tables("runs"):
            if table.name in names and table is not tables.MIGRATIONS:
                old = [column for column in table.c if column.name not in added(table.name)]
                found[table.name] = sorted(map(str, connection.execute(sa.select(*old))))
    engine.dispose()
    there = {
        name
        for (name,) in warehouse.rows(
            "select table_name from information_schema.tables where table_schema = 'ops'"
        )
    }
    for table in tables.tables("warehouse"):
        if table is not tables.MIGRATIONS and table.name in there:
            old_names = [column.name for column in table.c if column.name not in added(table.name)]
            listed = ", ".join(f'"{name}"' for name in old_names)
            found[f"ops.{table.name}"] = sorted(
                map(str, warehouse.rows(f"select {listed} from ops.{table.name}"))
            )
    return found


def added(table: str) -> set[str]:
    """The columns that steps add to a table."""
    return {
        name.split(".")[1] for step in STEPS for name in step.adds if name.split(".")[0] == table
    }


def test_a_deployed_database_becomes_as_a_new_one_and_keeps_every_row(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = old_and_new
    before = rows(old, monkeypatch)
    assert all(before.values()), [name for name, found in before.items() if not found]
    old.activate(monkeypatch)
    prepare()
    after = rows(old, monkeypatch)
    assert {name: after[name] for name in before} == before
    new.activate(monkeypatch)
    prepare()
    assert shape(old, monkeypatch) == shape(new, monkeypatch)


def test_every_source_that_was_ever_loaded_is_on(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = old_and_new
    old.activate(monkeypatch)
    prepare()
    loaded = old.rows("select distinct _client_id, source, 'on' from ops.loads order by 1, 2")
    assert loaded
    assert old.rows("select _client_id, source, state from ops.sources order by 1, 2") == loaded


def test_every_row_of_our_own_tables_says_whose_it_is(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client, or * for all of them, in new tables as in those of a deployed database."""
    old_and_new[0].activate(monkeypatch)
    prepare()
    for table in tables.METADATA.tables.values():
        assert "_client_id" in table.columns, table.name
    engine = run_database.engine()
    ops = "ops." if old_and_new[0].target == "postgres" else ""
    with engine.connect() as connection:
        for name in ("runs", "steps", "beats", "outbox", "incidents", "paused_jobs", "migrations"):
            nobody = f"select count(*) from {ops}{name} where _client_id is null"
            assert connection.execute(sa.text(nobody)).scalar() == 0, name
    engine.dispose()


def test_a_second_start_does_nothing(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = old_and_new
    old.activate(monkeypatch)
    prepare()
    old.execute("update ops.sources set state = 'paused'")
    taken = old.rows("select number, applied_at from ops.migrations order by 1")
    assert [number for number, _ in taken][:2] == [1, 2]
    prepare()
    assert old.rows("select number, applied_at from ops.migrations order by 1") == taken
    assert old.rows("select distinct state from ops.sources") == [("paused",)]


def test_a_table_that_somebody_dropped_is_made_again(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = old_and_new
    new.activate(monkeypatch)
    prepare()
    new.execute("drop table ops.file_ledger")
    prepare()
    assert new.rows("select count(*) from ops.file_ledger") == [(0,)]


def test_first_starts_at_the_same_moment_do_not_collide(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    for warehouse in old_and_new:
        warehouse.activate(monkeypatch)
        # Only one process uses DuckDB's file, and its threads share one transaction manager.
        starts: list[Callable[[], object]] = [prepare_runs] * 8
        if warehouse.target == "postgres":
            starts += [migrations.prepare_warehouse] * 8
        assert failures_at_once(starts) == []


def failures_at_once(starts: list[Callable[[], object]]) -> list[BaseException]:
    """The errors when all of them are called at the same moment."""
    failures: list[BaseException] = []
    gate = threading.Barrier(len(starts))

    def start(one: Callable[[], object]) -> None:
        gate.wait()
        try:
            one()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=[one]) for one in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_older_code_goes_on_beside_a_step_that_only_adds_and_refuses_a_breaking_one(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = old_and_new
    new.activate(monkeypatch)
    prepare()
    harmless = Step(9000, "Add what older code does not know", "runs")

    def take(*steps: Step) -> None:
        with run_database.engine().begin() as connection:
            name = connection.dialect.name
            migrations.migrate(migrations.executing(connection), name, "runs", (*STEPS, *steps))

    take(harmless)
    prepare()
    take(harmless, FUTURE)
    with pytest.raises(ConfigurationError, match="step 9001: Rename what older code reads") as told:
        prepare_runs()
    assert "\n" not in str(told.value)


def test_a_database_of_newer_code_is_named_by_doctor_and_ends_the_scheduler(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = old_and_new
    new.activate(monkeypatch)
    prepare()
    run_database.refuse_newer()
    new.execute(
        "insert into ops.migrations (number, name, is_breaking, applied_at)"
        " values (9001, 'Drop what older code reads', true, current_timestamp)"
    )
    monkeypatch.setenv("PORT", "0")
    for command in (["scheduler"], ["doctor", "--offline"]):
        done = CliRunner().invoke(signalroom, command)
        said = f"{done.output}{done.exception}"
        assert (done.exit_code, "step 9001: Drop what older code reads" in said) == (1, True), said


def prepare_runs() -> None:
    run_database.prepared_engine().dispose()


@pytest.mark.parametrize("column", [name for step in STEPS for name in step.adds])
def test_an_added_column_asks_nothing_of_older_code_that_inserts_without_it(column: str) -> None:
    table, name = column.split(".")
    tables.tables("runs")  # other modules add their tables
    found = tables.METADATA.tables[table].columns[name]
    assert found.nullable  # DuckDB can only add nullable columns
    assert [one.number for one in STEPS] == list(range(1, len(STEPS) + 1))


def test_a_step_that_fails_leaves_nothing_of_itself(
    old_and_new: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = old_and_new
    new.activate(monkeypatch)
    prepare()
    broken = Step(9002, "Half", "warehouse", sql=(
        "update {ops}origin set origin = 'half'", "select 1 from {ops}nowhere",
    ))  # fmt: skip
    new.execute("insert into ops.origin (origin) values ('whole')")

    def take() -> None:
        with transaction() as execute:
            engine = "duckdb" if new.target == "duckdb" else "postgresql"
            migrations.migrate(execute, engine, "warehouse", (*STEPS, broken))

    with pytest.raises(Exception, match="nowhere"):
        take()
    assert new.rows("select origin, _client_id from ops.origin") == [("whole", "*")]
    assert new.rows("select count(*) from ops.migrations where number = 9002") == [(0,)]
