"""Roles: reports must not read as the owner, and marts must be closed to the public interface."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from signalroom import access
from signalroom.ad_hoc import ask
from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.settings import report_role
from signalroom.warehouse import read
from tests.support.postgres import PostgresServer
from tests.support.warehouse import ON_POSTGRES, Warehouse

MARTS = """
create schema marts;
create table marts.orders (_client_id text, amount int);
insert into marts.orders values ('713', 1), ('cti', 2);
alter table marts.orders enable row level security;
create policy own_client on marts.orders for select
using (_client_id = current_setting('signalroom.client_id', true));
create schema everflow;
create table everflow.daily_stats (payout int);
"""
ROLE, LOGIN = "access_report", "access_reader"
WEB = ("anon", "authenticated", "service_role")


@pytest.fixture
def owner(
    warehouse: Warehouse, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """The marts of two clients, and no role for reports yet."""
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_REPORT_ROLE", ROLE)
    warehouse.execute(MARTS)
    postgres.command(f"drop role if exists {LOGIN}")
    postgres.command(f"drop role if exists {ROLE}")
    postgres.command("alter role signalroom createrole")
    yield warehouse
    postgres.command("alter role signalroom nocreaterole")


def amounts(client_id: str | None) -> list[int]:
    found = read("select amount from orders order by 1", client_id=client_id)
    return [row["amount"] for row in found]


@ON_POSTGRES
def test_two_logins_are_set_up_and_set_up_again(
    owner: Warehouse, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        assert amounts("713") == [1, 2]  # without the role, reads are done as the owner
        assert f"Role {ROLE} created." in access.set_up()
        assert amounts("713") == [1]
        monkeypatch.setenv("SUPABASE_DB_REPORT_USER", LOGIN)
        monkeypatch.setenv("SUPABASE_DB_REPORT_PASSWORD", "pass'word")
        assert f"Login {LOGIN} created, in role {ROLE}." in access.set_up()
        access.set_up()
        assert amounts("cti") == [2]
        assert amounts(None) == [1, 2]  # reads without a client are still done as the owner
        with pytest.raises(WarehouseError, match="permission denied"):
            read("select payout from everflow.daily_stats", client_id="713")
        with pytest.raises(WarehouseError, match="read-only transaction"):
            read("delete from orders returning amount", client_id="713")
    finally:
        owner.execute(f"drop owned by {ROLE}")
        postgres.command(f"drop role if exists {LOGIN}")
        postgres.command(f"drop role if exists {ROLE}")


@ON_POSTGRES
@pytest.mark.fault(57)
def test_a_persons_query_for_one_client_never_reads_as_the_owner(
    owner: Warehouse, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads as the role or login of reports, whatever the statement; without them it fails."""
    with pytest.raises(WarehouseError, match=f"role {ROLE} is missing"):
        ask("select amount from orders", "713")
    try:
        access.set_up()
        for reader in (ROLE, LOGIN):
            answer = ask("select amount, current_user from orders", "713")
            assert answer.rows == [(1, reader)]
            for tried in (
                "select set_config('signalroom.client_id', 'cti', true), amount from orders",
                "select query_to_xml('select set_conf' || 'ig(''role'', ''none'', true)', true,"
                " true, ''), amount from orders",
                "select U&\"\\0073et_config\"('role', 'signalroom', true), amount from orders",
            ):
                with pytest.raises(ConfigurationError, match="changes no settings"):
                    ask(tried, "713")
            with pytest.raises(WarehouseError, match="permission denied"):
                ask("select payout from everflow.daily_stats", "713")
            monkeypatch.setenv("SUPABASE_DB_REPORT_USER", LOGIN)
            monkeypatch.setenv("SUPABASE_DB_REPORT_PASSWORD", "of the reader")
            access.set_up()
        assert ask("select amount from orders").rows == [(1,), (2,)]
    finally:
        owner.execute(f"drop owned by {ROLE}")
        postgres.command(f"drop role if exists {LOGIN}")
        postgres.command(f"drop role if exists {ROLE}")


@ON_POSTGRES
def test_a_role_that_the_login_may_not_take_is_refused_instead_of_passed_over(
    owner: Warehouse, postgres: PostgresServer
) -> None:
    postgres.command(f"create role {ROLE}")
    try:
        with pytest.raises(WarehouseError, match=r"may not read as role access_report.*db setup"):
            amounts("713")
    finally:
        postgres.command(f"drop role {ROLE}")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role", "Postgres", "owner"])
def test_a_role_that_others_act_as_is_no_report_role(
    monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_REPORT_ROLE", role)
    monkeypatch.setenv("SUPABASE_DB_USER", "owner")
    with pytest.raises(ConfigurationError, match=f"SIGNALROOM_REPORT_ROLE is {role}"):
        report_role()


@pytest.mark.fault(61)
@ON_POSTGRES
def test_an_unencrypted_way_to_another_machine_is_told(
    owner: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [line for line in access.exposed([]) if "SSLMODE" in line]
    monkeypatch.setattr(access, "is_loopback", lambda host: False)
    (line,) = [line for line in access.exposed([]) if "SSLMODE" in line]
    assert "verify-full" in line


@ON_POSTGRES
def test_a_login_that_passes_over_row_security_is_refused(
    owner: Warehouse, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.command(f"create role {ROLE} bypassrls")
    postgres.command(f"grant {ROLE} to signalroom")
    try:
        with pytest.raises(WarehouseError, match=rf"SIGNALROOM_REPORT_ROLE {ROLE} may pass over"):
            amounts("713")
        monkeypatch.setenv("SUPABASE_DB_REPORT_USER", "postgres")
        monkeypatch.setenv("SUPABASE_DB_REPORT_PASSWORD", postgres.password)
        with pytest.raises(WarehouseError, match="SUPABASE_DB_REPORT_USER postgres may pass over"):
            amounts("713")
        monkeypatch.setenv("SUPABASE_DB_REPORT_USER", "signalroom")
        with pytest.raises(ConfigurationError, match="the owner sees the rows of every client"):
            amounts("713")
    finally:
        postgres.command(f"drop role {ROLE}")


@pytest.fixture
def web_roles(postgres: PostgresServer) -> Iterator[None]:
    """The roles of Supabase's public interface."""
    for name in WEB:
        postgres.command(f"create role {name}")
    yield
    for name in WEB:
        postgres.command(f"drop role {name}")


@ON_POSTGRES
@pytest.mark.fault(56)
@pytest.mark.usefixtures("web_roles")
@pytest.mark.parametrize(
    ("made", "is_fault"),
    [
        ("create table ana.cpa as select * from marts.orders", True),
        ("create view ana.cpa as select count(*) as n from marts.orders", True),
        ("create materialized view ana.cpa as select count(*) as n from marts.orders", True),
        ("create table ana.cpa as select sum(amount) as cost from marts.orders", False),
        ("create view ana.cpa with (security_invoker = true) as select * from marts.orders", None),
        ("create table ana.cpa as select * from marts.orders;"
         "alter table ana.cpa enable row level security", None),
        ("create table ana.cpa as select * from marts.orders;"
         "revoke usage on schema ana from anon, authenticated, public", None),
        ("create table ana.cpa as select * from marts.orders;"
         "revoke all on ana.cpa from anon, authenticated", None),
    ],
)  # fmt: skip
def test_what_an_analyst_made_and_the_public_can_read_is_named(
    owner: Warehouse, made: str, is_fault: bool | None
) -> None:
    owner.execute("create schema ana")
    owner.execute("grant usage on schema ana to anon, authenticated")
    owner.execute(
        "alter default privileges for role signalroom grant all on tables to anon, authenticated"
    )
    owner.execute(made)
    said = [line for line in access.exposed(["everflow"]) if line.startswith("ana.cpa")]
    perhaps = access.perhaps_exposed(["everflow"])
    owner.execute(
        "alter default privileges for role signalroom revoke all on tables from anon, authenticated"
    )
    owner.execute("drop schema ana cascade")
    assert bool(said) is (is_fault is True)
    assert bool(perhaps) is (is_fault is False)
    if said:
        assert "to anon, authenticated: `revoke all on all tables in schema ana" in said[0]
