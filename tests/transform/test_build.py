"""The product's own builds: what moves under them, and what a person's shell says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import duckdb
import pytest

from signalroom import sources
from signalroom.lock import hold
from tests.support import parsed
from tests.support.postgres import PostgresServer
from tests.support.warehouse import Warehouse, empty_warehouse
from tests.transform import worked_example
from transform import build as build_module
from transform import changed
from transform.build import build
from transform.publish import published

pytestmark = pytest.mark.slow

# What a load does while the ledger has just been built from the rows before: one payout more, with
# its control totals. In the transaction of the ledger itself, so that it comes never too late.
LOAD = """
create function load_once() returns event_trigger language plpgsql security definer as $$
begin
    if not exists (
        select from pg_event_trigger_ddl_commands()
        where object_identity like 'intermediate.int_performance__ledger%'
    ) then
        return;
    end if;
    insert into public.builds select count(*) from pg_locks where locktype = 'advisory' and granted;
    if (select count(*) from public.builds) <= {times} then
        update everflow.daily_stats set payout = payout + 1 where affiliate_id = 21;
        update ops.control_totals set total = total + 1, loaded_at = clock_timestamp()
        where source = 'everflow' and measure = 'payout' and total > 0;
    end if;
end $$;
create table public.builds (locks int);
create event trigger load_once on ddl_command_end when tag in ('CREATE TABLE AS')
    execute function load_once();
"""
COST = (
    "select cost from marts.daily_performance"
    " where affiliate_label = 'Blue Bench' and date = '2026-11-18'"
)


@pytest.fixture
def on_postgres(
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Warehouse]:
    with empty_warehouse("postgres", tmp_path_factory.mktemp("home"), postgres) as warehouse:
        warehouse.activate(monkeypatch)
        parsed.before_product(warehouse.environment)
        yield warehouse
        parsed.after_product(warehouse.environment)


def parsed_all_again(warehouse: Warehouse) -> list[str]:
    """Why dbt could not use in its last command what it had parsed before."""
    log = (warehouse.home / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
    last = log.rpartition("Running with dbt=")[2]
    return [line for line in last.splitlines() if "Unable to do partial parsing" in line]


def loads_come(postgres: PostgresServer, warehouse: Warehouse, times: int) -> None:
    """So many builds of the ledger each meet a load."""
    name = warehouse.environment["SUPABASE_DB_NAME"]
    with closing(postgres.connect(name)) as connection, connection.cursor() as cursor:
        cursor.execute(LOAD.format(times=times))


def test_a_load_during_a_build_is_built_in_and_fails_nothing(
    postgres: PostgresServer, on_postgres: Warehouse
) -> None:
    worked_example.load(on_postgres)
    loads_come(postgres, on_postgres, 2)
    result = build()
    assert (result.failures, result.repeats) == ([], 2)
    assert on_postgres.rows(COST) == [(Decimal(362),)]
    # the third time the loads of every source waited, for the tests compare the others as well
    name = on_postgres.environment["SUPABASE_DB_NAME"]
    with closing(postgres.connect(name)) as connection, connection.cursor() as cursor:
        cursor.execute("select locks from public.builds order by locks")
        assert cursor.fetchall() == [(1,), (1,), (1 + len(sources.names()),)]
    # and their locks are free again
    with hold(*(f"ingest {source}" for source in sources.names())):
        pass


@pytest.mark.deep
def test_loads_that_leave_no_room_for_the_third_build_hide_no_failed_test(
    postgres: PostgresServer, on_postgres: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_example.load(on_postgres)
    loads_come(postgres, on_postgres, 2)
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "0.2")
    with hold("ingest mautic"):
        result = build()
    assert result.repeats == 2
    assert result.failures


def test_views_are_built_again_over_what_a_load_moved_meanwhile() -> None:
    """It may have brought a column, or the first rows of its table."""
    chosen = (*build_module.DATA_ONLY, *changed.VIEWS_STAY, "--select", "source:redtrack.offers+")
    again = build_module._with_moved(chosen, {"everflow"})
    assert again == (
        *build_module.DATA_ONLY,
        "--select",
        "source:redtrack.offers+",
        "source:everflow+",
    )


def test_raw_that_no_load_moved_fails_at_once_and_another_run_parses_only_what_differs(
    on_postgres: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_example.load(on_postgres)
    assert build().failures == []
    on_postgres.execute("update everflow.daily_stats set payout = payout + 1")
    # as the scheduler names the connections of each run
    monkeypatch.setenv("PGAPPNAME", "signalroom run 2")
    result = build()
    assert parsed_all_again(on_postgres) == []
    assert result.repeats == 0  # nothing was loaded: raw itself is wrong
    assert any("assert_everflow_daily_stats_hold" in failure for failure in result.failures)
    assert on_postgres.rows(COST) == [(Decimal(360),)]


@pytest.mark.fault(37)
def test_a_persons_dbt_variables_change_nothing_and_the_marts_are_published(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    with empty_warehouse("duckdb", home, None) as warehouse:
        warehouse.activate(monkeypatch)
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
        result = build()
        assert result.failures == []
        assert warehouse.rows(COST) == [(Decimal(360),)]
        # readers have the marts while somebody writes to the warehouse
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
