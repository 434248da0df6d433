"""Who can read what on PostgreSQL, after builds that succeed, repeat, restart and fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import Agency
from signalroom import warehouse as product
from tests.support.postgres import ROLE, PostgresServer
from tests.support.processes import signalroom_cli
from tests.support.readers import STATE, endless_reader
from tests.support.supabase import READER, WEB, Supabase, supabase_database
from tests.transform.dbt import Dbt
from transform.build import build as product_build

pytestmark = pytest.mark.slow

CLIENTS = {"713", "cti"}
BUILT = ("build", "--exclude-resource-type", "unit_test")
MARTS = (*BUILT, "test", "--select", "marts")


def mart_names(supabase: Supabase) -> set[str]:
    return {name for name in supabase.relations() if name.startswith("marts.")}


@pytest.fixture(scope="module")
def supabase(
    postgres: PostgresServer, agency: Agency, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Supabase]:
    """Two sources of both clients, loaded by the product itself."""
    with supabase_database(postgres, tmp_path_factory.mktemp("home")) as database:
        env = {**agency.environment(), **database.warehouse.environment, "SIGNALROOM_SANDBOX": "1"}
        for source, table in (("everflow", "daily_stats"), ("redtrack", "daily_spend")):
            days = ("--start", "2026-11-17", "--end", "2026-11-18")
            loaded = signalroom_cli("ingest", source, "--resource", table, *days, env=env)
            assert loaded.returncode == 0, loaded.stdout + loaded.stderr
        yield database


@pytest.fixture(scope="module")
def dbt(project: Path, supabase: Supabase) -> Dbt:
    return Dbt(project, supabase.warehouse.environment)


@pytest.fixture(scope="module")
def build(dbt: Dbt) -> Iterator[Callable[..., str]]:
    """Run builds in a single dbt process; each call returns what failed."""
    with dbt.session() as run:
        yield run


@pytest.fixture(scope="module")
def built(supabase: Supabase, build: Callable[..., str]) -> Supabase:
    """The same after one build of everything."""
    assert build(*BUILT, "test") == ""
    return supabase


def nobody_but_the_reader(supabase: Supabase) -> None:
    for role in WEB:
        assert supabase.readable(role) == {}
    assert set(supabase.readable(READER)) == mart_names(supabase) != set()
    assert [name for name in supabase.relations() if name.startswith("public.")] == []


def test_what_was_loaded_is_closed_before_any_build(supabase: Supabase) -> None:
    for role in WEB:
        assert supabase.readable(role) == {}
    loaded = {name.split(".")[0] for name in supabase.relations()}
    assert loaded >= {"everflow", "redtrack", "ops"}


@pytest.mark.fault(56)
def test_a_first_build_shows_nothing_to_the_public(built: Supabase) -> None:
    nobody_but_the_reader(built)


RAW, LEDGER = "redtrack.daily_spend", "intermediate.int_performance__costed"
ROUND, ONE_MART_FAILS, A_TEST_FAILS, FROM_THE_GROUND = 5, 1, 3, 4


def change(supabase: Supabase, number: int) -> tuple[str, ...]:
    """Change the input of the marts; returns the next build.

    Of every five builds, one fails in a mart, one in an earlier test, and one is a full refresh.
    """
    execute = supabase.warehouse.execute
    execute(f"update {LEDGER} set conversions = conversions + {1000 * (number + 1)}")
    if number % ROUND == ONE_MART_FAILS:
        # the mart's contract rejects the last of its rows
        execute(
            f"update {LEDGER} set _client_id = null where ctid = (select max(ctid) from {LEDGER})"
        )
    if number % ROUND == A_TEST_FAILS:
        execute(f"update {RAW} set cost = cost + 1")
        return (*BUILT, "--select", "+daily_performance")
    return (*MARTS, "--full-refresh") if number % ROUND == FROM_THE_GROUND else MARTS


@pytest.mark.fault(31, 34)
def test_a_reader_in_a_loop_sees_whole_marts_and_no_error_through_many_builds(
    built: Supabase, build: Callable[..., str]
) -> None:
    builds = int(os.environ.get("BUILDS", str(ROUND)))
    execute = built.warehouse.execute
    for number, table in enumerate((RAW, LEDGER)):
        execute(f"create table ops.kept_{number} as select * from {table}")
    marts = sorted(mart_names(built))
    setting = f"set role {READER}; set signalroom.client_id = '713'"
    ask = built.asks(setting)
    possible = {mart: {ask(STATE.format(mart))} for mart in marts}
    failed = set()
    with endless_reader(built.asks(setting), marts) as seen:
        for build_number in range(builds):
            if build(*change(built, build_number)):
                failed.add(build_number)
                for number, table in enumerate((RAW, LEDGER)):
                    execute(
                        f"truncate {table}; insert into {table} select * from ops.kept_{number}"
                    )
            for mart in marts:
                possible[mart].add(ask(STATE.format(mart)))
    assert seen.errors == []
    assert seen.rounds > builds
    assert failed == {n for n in range(builds) if n % ROUND in (ONE_MART_FAILS, A_TEST_FAILS)}
    assert [mart for mart, states in seen.states.items() if states - possible[mart]] == []
    assert len(seen.states["marts.daily_performance"]) > builds // 2
    nobody_but_the_reader(built)


@pytest.mark.fault(57)
def test_a_reader_sees_the_client_that_it_names_and_no_other(built: Supabase) -> None:
    assert set(built.readable(READER).values()) == {0}
    for client in sorted(CLIENTS):
        seen = set()
        for mart in mart_names(built):
            seen |= set(
                built.admin(
                    f"set role {READER}; set signalroom.client_id = '{client}';"
                    f" select distinct _client_id from {mart}"
                )
            )
        assert seen == {(client,)}
    assert {client for (client,) in built.warehouse.rows(
        "select distinct _client_id from marts.daily_performance"
    )} == CLIENTS  # fmt: skip


@pytest.mark.fault(57)
def test_a_report_reads_one_client_even_where_its_query_asks_for_all(
    built: Supabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    built.warehouse.activate(monkeypatch)
    sql = "select distinct _client_id as client, current_user as role from daily_performance"
    assert product.read(sql, client_id="713") == [{"client": "713", "role": READER}]
    assert product.read(sql, client_id="cti") == [{"client": "cti", "role": READER}]
    assert {row["client"] for row in product.read(sql)} == CLIENTS
    # without such a role, reports read with their own login
    monkeypatch.setenv("SIGNALROOM_REPORT_ROLE", "nobody_made_this_role")
    assert {row["role"] for row in product.read(sql, client_id="713")} == {ROLE}


@pytest.mark.fault(56)
def test_schemas_and_marts_that_were_opened_by_hand_are_named_and_closed(
    built: Supabase, build: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    built.warehouse.execute(
        "grant usage on schema everflow, marts to anon; grant usage on schema ops to public;"
        " grant select on marts.daily_summary to anon;"
        " alter table marts.orders disable row level security"
    )
    assert "marts.daily_summary" in built.readable("anon")
    doctor = signalroom_cli("doctor", env=built.warehouse.environment)
    assert doctor.returncode == 1
    for fault in ("everflow is open to anon", "marts is open to anon", "ops is open to public"):
        assert f"Schema {fault}" in doctor.stderr
    assert "marts.orders has no row security" in doctor.stderr

    reason = build(*BUILT, "--select", "int_days__requested")
    assert "daily_summary is granted to anon" in reason
    assert "orders has no row security" in reason
    # what else failed in the same build is reported too
    built.warehouse.activate(monkeypatch)
    built.warehouse.execute("update ops.control_totals set total = total + 1")
    failures = product_build(("--select", "stg_everflow__daily_stats")).failures
    built.warehouse.execute("update ops.control_totals set total = total - 1")
    assert [one for one in failures if "orders has no row security" in one]
    assert [one for one in failures if one.startswith("dbt test assert_everflow_daily_stats")]

    # dbt repairs its own marts by building them
    assert build(*BUILT, "test", "--select", "daily_summary", "orders") == ""
    assert "marts.daily_summary" not in built.readable("anon")
    built.warehouse.execute(
        "revoke usage on schema everflow from anon; revoke usage on schema ops from public"
    )
    nobody_but_the_reader(built)
    repaired = signalroom_cli("doctor", env=built.warehouse.environment)
    assert "Schema" not in repaired.stderr
    assert f"reports read as {READER}" in repaired.stdout


def test_an_analysts_own_schemas_leave_everybody_elses_alone(built: Supabase, dbt: Dbt) -> None:
    acls = (
        "select nspname, relname, relacl::text, nspacl::text from pg_class"
        " inner join pg_namespace as n on relnamespace = n.oid"
        " where nspname in ('marts', 'everflow', 'ops') order by 1, 2"
    )
    before = built.admin(acls)
    own = Dbt(dbt.project, {**dbt.environment, "SIGNALROOM_SCHEMA_PREFIX": "ana_"})
    own.succeeds(*BUILT, "test", "--select", "+unmapped_spend")
    assert built.admin(acls) == before
    assert "ana_marts.unmapped_spend" in built.readable(READER)
    assert built.readable("anon") == {}
    built.warehouse.execute(
        "drop schema ana_marts, ana_intermediate, ana_staging, ana_reference cascade"
    )


@pytest.mark.fault(56)
def test_a_report_role_that_the_public_acts_as_is_refused_before_anything_is_granted(
    built: Supabase, project: Path
) -> None:
    """Plain dbt, which knows nothing about our settings, refuses it too."""
    env = {**built.warehouse.environment, "SIGNALROOM_REPORT_ROLE": "anon"}
    said = Dbt(project, env).run("run", "--select", "daily_summary")
    assert said.exit_code != 0
    assert "SIGNALROOM_REPORT_ROLE is anon" in " ".join(said.output.split())
    assert built.readable("anon") == {}
    nobody_but_the_reader(built)
