"""A person who asked to be forgotten must be removed, and no later load may restore the data."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from ingest import pull as pipeline
from ingest.columns import COUNT_TYPE, TEXT_TYPE
from ingest.model import Pull, Row
from ingest.privacy import forgotten
from ingest.privacy.policy import Hasher
from ingest.resources import whole_list
from sandbox import Agency
from tests.ingest.test_load import source_of
from tests.support.deployed import restore_postgres, unpack_home
from tests.support.processes import BIN, run, signalroom_cli
from tests.support.warehouse import DUCKDB_FIRST, POSTGRES_FIRST, Warehouse

ALL_TEXT = """
select columns.table_schema, columns.table_name, columns.column_name
from information_schema.columns
inner join information_schema.tables
    on columns.table_schema = tables.table_schema and columns.table_name = tables.table_name
where
    table_type = 'BASE TABLE' and columns.table_schema not in ('pg_catalog', 'information_schema')
    and columns.table_name <> 'forgotten'
    and lower(data_type) in ('text', 'varchar', 'character varying', 'json', 'jsonb')
"""
TOTALS = (
    "select count(*), count(distinct orders_id), count(total_amount) from s3_exports.orders_create",
    "select count(*), sum(total_amount) from marts.orders",
    "select count(*) from ops.dead_letters",
)


def places(warehouse: Warehouse, found: str) -> list[str]:
    """The tables that contain a text."""
    columns: dict[str, list[str]] = {}
    for schema, table, column in warehouse.rows(ALL_TEXT):
        columns.setdefault(f'"{schema}"."{table}"', []).append(column)
    looks = [
        f"select '{table}' where exists (select 1 from {table} where "
        + " or ".join(f"cast(\"{name}\" as text) like '%{found}%'" for name in names)
        + ")"
        for table, names in columns.items()
    ]
    return [table for (table,) in warehouse.rows(" union all ".join(looks))]


@pytest.mark.parametrize("warehouse", ["duckdb", "postgres"], indirect=True)
def test_a_persons_hash_leaves_every_table_and_every_total_holds(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    if warehouse.target == "duckdb":
        unpack_home(warehouse.home)
    else:
        restore_postgres(warehouse.environment)
    warehouse.activate(monkeypatch)
    ((person,),) = warehouse.rows(
        "select billing_email from s3_exports.orders_create where billing_email is not null"
        " group by 1 order by count(*) desc, 1 limit 1"
    )
    warehouse.execute(f"update ops.dead_letters set payload = 'before {person} after'")
    assert len(places(warehouse, person)) > 2
    totals = [warehouse.rows(query) for query in TOTALS]
    changed = forgotten.forget([person])
    assert "s3_exports.orders_create" in changed
    assert places(warehouse, person) == []
    assert [warehouse.rows(query) for query in TOTALS] == totals
    assert warehouse.rows("select payload from ops.dead_letters") == [("before  after",)]
    assert warehouse.rows("select hash from ops.forgotten") == [(person,)]
    assert forgotten.forget([person]) == {}


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_one_who_is_forgotten_between_reading_and_loading_does_not_come_back(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    person = Hasher(b"salt-of-the-tests").digest("ann@example.org")

    @whole_list(columns={"id": COUNT_TYPE, "email": TEXT_TYPE})
    def affiliates(pull: Pull) -> list[Row]:
        names = ("ann", "bob")
        return [
            {"_client_id": "713", "id": number, "email": f"{name}@example.org"}
            for number, name in enumerate(names)
        ]

    source = replace(source_of(affiliates), tables={"affiliates": "whole"})
    pull = pipeline.make_pull(source, "713", resources=("affiliates",))
    extracted = pipeline.extract(source, pull)
    forgotten.forget([person])
    pipeline.load_extracted(extracted)
    assert places(warehouse, person) == []
    rows = warehouse.rows("select id, email is null from everflow.affiliates order by id")
    assert rows == [(0, True), (1, False)]


def shown(warehouse: Warehouse, query: str) -> list[tuple[str, str, str | None]]:
    return [(one, str(int(Decimal(two))), three) for one, two, three in warehouse.rows(query)]


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_no_later_load_brings_a_forgotten_person_back(warehouse: Warehouse) -> None:
    key = "orders-create/report_2026-11-18T0601_ab12.csv"
    header = "orders_id,order_date,order_status,total_amount,billing_email\r\n"
    lines = [
        f"{number},11/18/2026,NEW,{number}0,{name}@example.org\r\n"
        for number, name in ((1, "gone"), (2, "stays"))
    ]
    query = "select orders_id, total_amount, billing_email from s3_exports.orders_create order by 1"
    with Agency(scenario="empty") as agency:
        env = {**agency.environment(), **warehouse.environment, "SIGNALROOM_CLIENTS": "713"}
        agency.s3.put("713", key, (header + "".join(lines)).encode())
        assert signalroom_cli("ingest", "s3_exports", env=env).returncode == 0
        (_, _, gone), (_, _, stays) = warehouse.rows(query)
        assert gone != stays
        done = run(
            ["sh", "-c", f"printf ' Gone@Example.org\\n' | {BIN / 'signalroom'} forget"], env
        )
        assert done.returncode == 0, done.stderr
        assert "s3_exports.orders_create: 1 row blanked" in done.stdout
        assert "gone@example.org" not in (done.stdout + done.stderr).lower()
        blank = [("1", "10", None), ("2", "20", stays)]
        assert shown(warehouse, query) == blank

        again = (header + "".join(lines)).replace("NEW", "PAID")
        agency.s3.put("713", key, again.encode())
        assert signalroom_cli("ingest", "s3_exports", env=env).returncode == 0
        assert shown(warehouse, query) == blank
        assert places(warehouse, gone) == []

        wrong = signalroom_cli("forget", "--hash", "gone@example.org", env=env)
        assert wrong.returncode == 2
