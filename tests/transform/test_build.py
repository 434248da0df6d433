"""The product's own builds: data that changes while they run, and the user's shell settings."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from signalroom import sources
from signalroom.errors import TransformError
from signalroom.lock import hold
from signalroom.progress import Silent
from tests.support import parsed
from tests.support.postgres import PostgresServer
from tests.support.warehouse import Warehouse, empty_warehouse
from tests.support.warm import warm_builds
from tests.transform import raw, worked_example
from tests.transform.further_days import FILES, order_lines
from transform import build as build_module
from transform import changed
from transform.build import BuildResult, build
from transform.publish import published

pytestmark = pytest.mark.slow

# Loads that end while a build runs: the ledger gets an additional payout twice, and the first time
# also more spend; the orders get another line of a file; the contacts get one more, whose total is
# recorded only when the ledger is built the second time. Each amount is committed with its control
# total in the transaction of the table just built from the old rows, so it is never too late.
LOADS = """
create function load_once() returns event_trigger language plpgsql security definer as $$
declare
    built text;
    times int;
begin
    select min(substring(object_identity from '(int_performance__ledger|int_orders__latest'
        '|stg_mautic__contacts)')) into built
    from pg_event_trigger_ddl_commands();
    if built is null then
        return;
    end if;
    insert into public.builds
    select built, count(*) from pg_locks where locktype = 'advisory' and granted;
    select count(*) into times from public.builds where relation = built;
    if built = 'int_performance__ledger' and times <= 2 then
        update everflow.daily_stats set payout = payout + 1 where affiliate_id = 21;
        update ops.control_totals set total = total + 1, loaded_at = clock_timestamp()
        where source = 'everflow' and measure = 'payout' and total > 0;
    end if;
    if built = 'int_performance__ledger' and times = 1 then
        update redtrack.daily_spend set cost = cost + 1 where source_name = 'Facebook CCW';
        update ops.control_totals set total = total + 1, loaded_at = clock_timestamp()
        where source = 'redtrack' and measure = 'cost' and total > 0;
    elsif built = 'int_performance__ledger' and times = 2 then
        update ops.control_totals set total = 2, loaded_at = clock_timestamp()
        where source = 'mautic';
    elsif built = 'stg_mautic__contacts' and times = 1 then
        insert into mautic.contacts select _client_id, id + 1 from mautic.contacts;
    elsif built = 'int_orders__latest' and times = 1 then
        insert into s3_exports.orders_create
        select (jsonb_populate_record(line, '{"orders_id": "999", "_row_id": 2}'::jsonb)).*
        from s3_exports.orders_create as line where orders_id = '201';
        update ops.control_totals set total = total + 1, loaded_at = clock_timestamp()
        where source = 's3_exports' and partition_key like '%_b.csv';
    end if;
end $$;
create table public.builds (relation text, locks int);
create event trigger load_once on ddl_command_end when tag in ('CREATE TABLE AS', 'CREATE VIEW')
    execute function load_once();
"""
COST = (
    "select cost from marts.daily_performance"
    " where affiliate_label = 'Blue Bench' and date = '2026-11-18'"
)
SPEND = (
    "select redtrack_cost from marts.daily_performance"
    " where affiliate_label = 'G2 - Meta' and advertiser_id = 1 and date = '2026-11-18'"
)


@pytest.fixture
def on_postgres(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    with activated(postgres, tmp_path / "home", monkeypatch) as warehouse:
        yield warehouse


@contextmanager
def activated(
    postgres: PostgresServer, home: Path, patch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    with empty_warehouse("postgres", home, postgres) as warehouse:
        warehouse.activate(patch)
        warm_builds(patch)
        parsed.before_product(warehouse.environment)
        yield warehouse
        parsed.after_product(warehouse.environment)


def parsed_all_again(warehouse: Warehouse) -> list[str]:
    """Why dbt could not reuse its earlier parse result in its last command."""
    log = (warehouse.home / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
    last = log.rpartition("Running with dbt=")[2]
    return [line for line in last.splitlines() if "Unable to do partial parsing" in line]


def load_and_more_to_come(postgres: PostgresServer, warehouse: Warehouse) -> None:
    """Create raw tables of four sources; a load ends during each of two builds of the ledger."""
    worked_example.load(warehouse)
    lines = [line for name, ids in FILES.items() for line in order_lines(name, ids)]
    raw.create_orders(warehouse, "orders_create", lines)
    raw.note_files(warehouse, "orders_create", {name: len(ids) for name, ids in FILES.items()})
    contact: dict[str, object] = {"_client_id": "713", "id": 1}
    raw.create(warehouse, "mautic.contacts", [contact], {"id": "bigint"})
    raw.note_list(warehouse, "mautic", "contacts", 1)
    name = warehouse.environment["SUPABASE_DB_NAME"]
    with closing(postgres.connect(name)) as connection, connection.cursor() as cursor:
        cursor.execute(LOADS)


@dataclass(frozen=True)
class Met:
    """The result of a build during which loads ended, and what it left behind."""

    warehouse: Warehouse
    result: BuildResult
    figures: list[tuple[object, ...]]
    orders: list[tuple[object, ...]]
    locks: list[tuple[int]]


@pytest.fixture(scope="module")
def met(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Met]:
    with (
        pytest.MonkeyPatch.context() as patch,
        activated(postgres, tmp_path_factory.mktemp("home"), patch) as warehouse,
    ):
        load_and_more_to_come(postgres, warehouse)
        result = build()
        # the loads' locks are free again
        with hold(*(f"ingest {source}" for source in sources.names())):
            pass
        name = warehouse.environment["SUPABASE_DB_NAME"]
        with closing(postgres.connect(name)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select locks from public.builds where relation = 'int_performance__ledger'"
                " order by 1"
            )
            locks = cursor.fetchall()
            cursor.execute("drop event trigger load_once")
        patch.undo()
        orders = warehouse.rows("select order_id from marts.orders order by 1")
        figures = [*warehouse.rows(COST), *warehouse.rows(SPEND)]
        yield Met(warehouse, result, figures, orders, locks)


def test_loads_during_a_build_are_built_in_and_fail_nothing(met: Met) -> None:
    assert (met.result.failures, met.result.repeats) == ([], 2)
    assert met.figures == [(Decimal(362),), (Decimal(601),)]
    assert met.orders == [(order,) for order in ("100", "101", "102", "200", "201", "999")]
    # the third time the loads of every source waited, because the tests compare the others as well
    assert met.locks == [(1,), (1,), (1 + len(sources.names()),)]


@pytest.mark.deep
def test_loads_that_leave_no_room_for_the_third_build_hide_no_failed_test(
    postgres: PostgresServer, on_postgres: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_and_more_to_come(postgres, on_postgres)
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "0.2")
    with hold("ingest mautic"):
        result = build()
    assert result.repeats == 2
    assert result.failures


def test_views_are_built_again_over_what_a_load_moved_meanwhile() -> None:
    """The load may have added a column, or the first rows of its table."""
    chosen = (*build_module.DATA_ONLY, *changed.VIEWS_STAY, "--select", "source:redtrack.offers+")
    again = build_module._with_moved(chosen, {"everflow"})
    assert again == (
        *build_module.DATA_ONLY,
        "--select",
        "source:redtrack.offers+",
        "source:everflow+",
    )


def test_raw_that_no_load_moved_fails_at_once_and_another_run_parses_only_what_differs(
    met: Met, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert met.result.failures == []
    met.warehouse.activate(monkeypatch)
    warm_builds(monkeypatch)
    met.warehouse.execute("update everflow.daily_stats set payout = payout + 1")
    # the connection name that the scheduler sets for each run
    monkeypatch.setenv("PGAPPNAME", "signalroom run 2")
    result = build()
    assert parsed_all_again(met.warehouse) == []
    assert result.repeats == 0  # nothing was loaded: raw itself is wrong
    assert any("assert_everflow_daily_stats_hold" in failure for failure in result.failures)
    assert met.warehouse.rows(COST) == met.figures[:1]


class Bar(Silent):
    """Records what is sent to the live progress bar."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: list[tuple[int, int]] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def advance(self, done: int, total: int) -> None:
        self.done.append((done, total))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--no-such-option"], "failed: No such option '--no-such-option'"),
        (["--select", "state:modified"], "Got a state selector method, but no comparison manifest"),
    ],
)
def test_dbt_that_does_not_begin_says_why(
    arguments: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_warehouse("duckdb", tmp_path, None) as warehouse:
        warehouse.activate(monkeypatch)
        warm_builds(monkeypatch)
        parsed.before_product(warehouse.environment)
        with pytest.raises(TransformError, match=reason):
            build(arguments)


class Interrupting(Bar):
    """Ctrl-C, or a lock that is lost, when dbt's first node begins."""

    def say(self, text: str) -> None:
        raise KeyboardInterrupt


def test_dbt_does_not_go_on_without_the_command_that_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_warehouse("duckdb", tmp_path, None) as warehouse:
        warehouse.activate(monkeypatch)
        warm_builds(monkeypatch)
        parsed.before_product(warehouse.environment)
        with pytest.raises(KeyboardInterrupt):
            build(step=Interrupting())
        give_up_at = time.monotonic() + 1.0
        while True:
            try:
                duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
                return
            except duckdb.IOException:  # dbt has the file open
                assert time.monotonic() < give_up_at
                time.sleep(0.05)


def test_a_users_own_folder_for_artifacts_loses_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_warehouse("duckdb", tmp_path, None) as warehouse:
        warehouse.activate(monkeypatch)
        warm_builds(monkeypatch)
        parsed.before_product(warehouse.environment)
        result = build(["--target-path", str(tmp_path / "own"), "--select", "stg_ops__loads"])
    assert result.models == 1


@pytest.mark.fault(37)
def test_a_persons_dbt_variables_change_nothing_and_the_marts_are_published(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    with empty_warehouse("duckdb", home, None) as warehouse:
        warehouse.activate(monkeypatch)
        warm_builds(monkeypatch)
        parsed.before_product(warehouse.environment)
        worked_example.load(warehouse)
        for name, value in {
            "DBT_TARGET": "lint",
            "DBT_EMPTY": "1",
            "DBT_PROFILES_DIR": os.devnull,
            "DBT_FAVOR_STATE": "1",
            "DBT_EXCLUDE_RESOURCE_TYPES": "model",
        }.items():
            monkeypatch.setenv(name, value)
        bar = Bar()
        result = build(step=bar)
        assert result.failures == []
        assert warehouse.rows(COST) == [(Decimal(360),)]
        assert bar.said[0].startswith(("table model ", "view model ", "seed file "))
        assert sorted(bar.done) == [(n, len(bar.done)) for n in range(1, len(bar.done) + 1)]
        assert len(bar.done) >= result.models + result.tests
        log = (home / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
        assert "OK created" in log
        assert "/* {" not in log  # no SQL statements in the log
        # readers can use the marts while another process writes to the warehouse
        with (
            duckdb.connect(str(home / "warehouse.duckdb")),
            duckdb.connect(str(published()), read_only=True) as copy,
        ):
            assert copy.execute(COST).fetchall() == [(Decimal(360),)]
            tables = {
                name
                for (name,) in copy.execute("select table_name from duckdb_tables()").fetchall()
            }
        assert {"daily_summary", "goal_pace", "loads", "sources"} <= tables
        assert "client_file_versions" not in tables


def test_a_label_that_everflow_does_not_know_is_named_while_its_source_spends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"_client_id": "713", "network_affiliate_id": 14, "name": "g2 - BING"}
    with empty_warehouse("duckdb", tmp_path, None) as warehouse:
        warehouse.activate(monkeypatch)
        warm_builds(monkeypatch)
        parsed.before_product(warehouse.environment)
        worked_example.load(warehouse)
        raw.create(warehouse, "everflow.affiliates", [known], {"network_affiliate_id": "bigint"})
        warehouse.execute("delete from everflow.affiliates")
        warehouse.execute(
            "update redtrack.daily_spend set source_id = '64f1a20b9c3d5e0001a4c00a',"
            " source_name = 'Bing, Search CCW' where source_name = 'New Source'"
        )
        result = build(["--select", "+int_performance__ledger"])
        assert result.warnings == [
            "data/clients/713/mappings/internal-affiliates.csv:11: Everflow knows no affiliate "
            "'G2 - Bing', and Bing, Search CCW spent $20.00 for it in the last 7 days; check the "
            "label's spelling."
        ]
        warehouse.execute("insert into everflow.affiliates values ('713', 14, 'g2 - BING')")
        assert build_module.unknown_labels() == []
