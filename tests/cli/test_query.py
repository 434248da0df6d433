"""A user's own SQL: it must not write, open files, see another client, or run forever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from signalroom import ad_hoc
from signalroom.errors import SignalRoomError
from tests.support.warehouse import Warehouse, empty_warehouse

TABLES = """
create schema marts;
create table marts.daily_summary (_client_id text, date date, cost decimal(38, 18));
insert into marts.daily_summary values
    ('713', '2026-11-18', 4591.02), ('cti', '2026-11-18', 0.1), ('713', '2026-11-17', null)
"""


@pytest.fixture
def marts(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    warehouse.activate(monkeypatch)
    for statement in TABLES.split(";"):
        warehouse.execute(statement)
    return warehouse


def query(warehouse: Warehouse, *arguments: str) -> Result:
    return CliRunner(env=warehouse.environment).invoke(signalroom, ["query", *arguments])


def test_csv_has_every_digit_and_a_blank_for_nothing(marts: Warehouse) -> None:
    said = query(marts, "select date, cost from daily_summary order by date, cost", "--csv")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == [
        "date,cost",
        "2026-11-17,",
        "2026-11-18,0.100000000000000000",
        "2026-11-18,4591.020000000000000000",
    ]
    table = query(marts, "select date, cost from marts.daily_summary order by date, cost;")
    assert [line.split() for line in table.stdout.splitlines()] == [
        ["date", "cost"],
        ["2026-11-17", "-"],
        ["2026-11-18", "0.1"],
        ["2026-11-18", "4591.02"],
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "drop table marts.daily_summary",
        "delete from marts.daily_summary",
        "create table marts.mine as select 1",
        "select 1; drop table marts.daily_summary",
        "commit; drop table marts.daily_summary; begin; select 1",
        "select * from read_csv('/etc/passwd')",
        "copy marts.daily_summary to '/tmp/out.csv'",
        "selec 1",
        " ; ",
    ],
)
def test_a_query_reads_and_does_nothing_else(marts: Warehouse, sql: str) -> None:
    said = query(marts, sql)
    assert isinstance(said.exception, SignalRoomError)
    assert "\n" not in str(said.exception)
    assert len(marts.rows("select * from marts.daily_summary")) == 3


def test_too_many_rows_are_cut_and_said(marts: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ad_hoc, "ROWS", 2)
    answer = ad_hoc.ask("select * from daily_summary")
    assert (len(answer.rows), answer.is_cut) == (2, True)


def test_a_query_that_runs_on_is_ended(marts: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ad_hoc, "SECONDS", 1)
    endless = "select count(*) from generate_series(1, 2000000) a(i), generate_series(1, 2000000) b"
    with pytest.raises(SignalRoomError, match=r"longer than 1 sec|statement timeout"):
        ad_hoc.ask(endless)


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_with_a_client_its_rows_alone_are_there(marts: Warehouse) -> None:
    sql = "select distinct _client_id from marts.daily_summary"
    assert query(marts, sql, "--client", "cti", "--csv").stdout.split() == ["_client_id", "cti"]
    with pytest.raises(SignalRoomError, match="settings"):
        ad_hoc.ask("select set_config('signalroom.client_id', '713', true)", "cti")


@pytest.mark.fault(36, 37)
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_the_published_copy_answers_while_another_process_writes(marts: Warehouse) -> None:
    path = marts.home / "warehouse.duckdb"
    (marts.home / "marts.duckdb").write_bytes(path.read_bytes())
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "1\n"
        try:
            assert len(ad_hoc.ask("select * from daily_summary").rows) == 3
            (marts.home / "marts.duckdb").unlink()
            with pytest.raises(SignalRoomError, match=f"process {writer.pid}"):
                ad_hoc.ask("select 1")
        finally:
            writer.kill()


def test_a_misspelled_name_is_answered_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        for statement in TABLES.split(";"):
            warehouse.execute(statement)
        table = query(warehouse, "select * from dayly_summary")
        column = query(warehouse, "select cst from daily_summary")
    assert 'Did you mean "daily_summary"?' in str(table.exception)
    assert '"cost"' in str(column.exception)
