"""Connections to PostgreSQL that are used again behave like new ones."""

from __future__ import annotations

import copy
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import dlt
import psycopg2
import pytest
import sqlalchemy as sa
from dlt.common.destination import Destination
from dlt.common.normalizers.naming.direct import NamingConvention as Direct
from dlt.common.schema import Schema

from signalroom import run_database
from signalroom.connecting import connect, one_connection
from signalroom.dlt_destinations import kept_connections
from signalroom.errors import WarehouseError
from signalroom.run_database import prepared_engine
from signalroom.warehouse import dlt_destination, postgres_settings, read, transaction
from tests.support.warehouse import Warehouse

PID = "select pg_backend_pid() as pid"


def pid() -> Any:
    with transaction() as execute:
        return execute(PID)[0]["pid"]


@pytest.mark.usefixtures("postgres_warehouse")
def test_transactions_that_follow_each_other_share_a_connection_and_nothing_else() -> None:
    with one_connection():
        first = pid()
        with suppress(WarehouseError, psycopg2.Error), transaction() as execute:
            execute("create table public.undone (n int)")
            execute("select nothing")
        with transaction() as execute:
            assert execute("select to_regclass('public.undone') as found")[0]["found"] is None
            assert execute(PID)[0]["pid"] == first
        assert read(PID, within="public")[0]["pid"] == first
        with transaction() as execute:
            execute("create table public.written (n int)")  # although the last one only read
            assert execute(PID)[0]["pid"] == first
            assert pid() != first, "one within another has its own"
    assert pid() != first, "it is closed at the end"


@pytest.mark.usefixtures("postgres_warehouse")
def test_the_run_database_and_the_warehouse_share_a_connection_and_nothing_else() -> None:
    prepared_engine().dispose()
    asked = sa.text("select pg_backend_pid(), current_setting('search_path')")
    with one_connection():
        first = pid()
        for _ in range(2):
            engine = prepared_engine()
            with suppress(RuntimeError), engine.begin() as connection:
                assert connection.execute(asked).one() == (first, '"$user", public')
                connection.exec_driver_sql("create table public.unfinished (n int)")
                raise RuntimeError
            with engine.connect() as connection:  # ends without a commit
                connection.exec_driver_sql("create table public.uncommitted (n int)")
            engine.dispose()
        with transaction() as execute:
            found = "select count(*) as n from pg_tables where tablename like 'un%ed'"
            assert execute(found) == [{"n": 0}]
            assert execute(PID)[0]["pid"] == first
    engine = prepared_engine()
    with engine.begin() as connection:
        assert connection.execute(asked).one()[0] != first, "it is closed at the end"
    engine.dispose()


def end(process_id: int) -> None:
    """Have the server end a connection, and wait until it has."""
    elsewhere = connect(postgres_settings())
    cursor = elsewhere.cursor()
    cursor.execute("select pg_terminate_backend(%s, 10000)", [process_id])
    assert cursor.fetchone() == (True,)
    elsewhere.close()


def end_within_a_transaction() -> None:
    with transaction() as execute:
        end(execute(PID)[0]["pid"])
        execute(PID)


@pytest.mark.usefixtures("postgres_warehouse")
def test_a_shared_connection_that_the_server_ended_is_replaced_between_transactions() -> None:
    engine = run_database.engine(poolclass=sa.NullPool)
    with one_connection():
        for _ in range(2):
            ended = pid()
            end(ended)
            with engine.begin() as connection:
                assert connection.execute(sa.text(PID)).scalar_one() != ended
            end(pid())
            assert read(PID, within="public")[0]["pid"] != ended


@pytest.mark.usefixtures("postgres_warehouse")
def test_a_shared_connection_that_the_server_ends_within_a_transaction_is_one_clear_error() -> None:
    with one_connection():
        with pytest.raises(WarehouseError, match="went away in the middle"):
            end_within_a_transaction()
        assert pid(), "the next one is new"


@pytest.fixture
def client(postgres_warehouse: Warehouse) -> Any:
    """dlt's client for jobs and questions in a schema of its own."""
    postgres_warehouse.execute("create schema plain")
    destination = dlt_destination()
    config = destination.spec()._bind_dataset_name("plain")
    return destination.client(Schema("plain"), config)


def asked(client: Any, sql: str = "select pg_backend_pid(), current_setting('search_path')") -> Any:
    with copy.copy(client) as opened:
        return opened.sql_client.execute_sql(sql)[0]


def test_dlt_gets_a_connection_again_as_if_it_were_new(client: Any) -> None:
    first, path = asked(client)
    assert asked(client)[0] != first, "nothing is kept outside a load"
    with kept_connections():
        first, path = asked(client)
        assert "plain" in path
        with client as opened:
            opened.sql_client.execute_sql("set search_path to pg_catalog")
        with client as opened, suppress(Exception), opened.sql_client.begin_transaction():
            opened.sql_client.execute_sql("create table undone (n int)")
            opened.sql_client.execute_sql("select nothing")
        assert asked(client) == (first, path)
        assert asked(client, "select to_regclass('undone')") == (None,)
    assert asked(client)[0] != first


def test_an_idle_connection_of_another_schema_is_closed_first(
    client: Any, postgres_warehouse: Warehouse
) -> None:
    """A role may have few: a load has no more of them open than jobs at work."""
    postgres_warehouse.execute("create schema plain_staging")
    destination = dlt_destination()
    config = destination.spec()._bind_dataset_name("plain_staging")
    staging = destination.client(Schema("plain"), config)
    with kept_connections():
        first = asked(client)[0]
        other = asked(staging)[0]
        known = "select count(*) from pg_stat_activity where pid = any(%s)"
        for _ in range(100):  # the server ends a process a moment after its connection
            if postgres_warehouse.rows(known, [first, other]) == [(1,)]:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("both are open")


def test_dlt_gets_a_new_connection_for_one_that_the_server_ended(client: Any) -> None:
    with kept_connections():
        ended = asked(client)[0]
        with transaction() as execute:
            execute("select pg_terminate_backend(:pid)", {"pid": ended})
        assert asked(client)[0] != ended
        with client as opened:
            again = opened.sql_client.execute_sql("select pg_backend_pid()")[0][0]
            with transaction() as execute:
                execute("select pg_terminate_backend(:pid)", {"pid": again})
            with suppress(Exception):
                opened.sql_client.execute_sql("select 1")
        assert asked(client)[0] not in (ended, again)


@pytest.mark.parametrize("target", ["duckdb", "postgres"])
def test_a_destination_says_what_dlts_own_says_and_works_it_out_once(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_TARGET", target)
    for name in ("HOST", "USER", "PASSWORD"):
        monkeypatch.setenv(f"SUPABASE_DB_{name}", "localhost")
    ours = dlt_destination()
    made: Any = {"duckdb": dlt.destinations.duckdb, "postgres": dlt.destinations.postgres}[target]
    plain: Destination[Any, Any] = made(**ours.config_params, **ours.caps_params)
    assert ours.destination_type == plain.destination_type
    assert ours.destination_name == plain.destination_name
    worked_out: list[object] = []
    original = type(plain)._raw_capabilities

    def counted(self: Any) -> Any:
        worked_out.append(self)
        return original(self)

    monkeypatch.setattr(type(plain), "_raw_capabilities", counted)
    one, other = ours.capabilities(), ours.capabilities()
    assert len(worked_out) == 1
    assert one is not other, "dlt changes what it gets"
    one.preferred_loader_file_format = "jsonl"
    expected = asdict(plain.capabilities())
    found = asdict(ours.capabilities())
    for given in (expected, found):
        given.pop("loader_file_format_selector")  # a new function each time
    assert found == expected
    mixed = Direct(63)
    assert ours.capabilities(naming=mixed).casefold_identifier is (
        plain.capabilities(naming=mixed).casefold_identifier
    )
