"""The copy of the marts that readers open: its content, and what is left after a failure."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.support.warehouse import empty_warehouse
from transform.publish import publish, published

TABLES = """
create schema marts;
create schema ops;
create table marts.days (date date, cost decimal(38, 9));
insert into marts.days values ('2026-11-18', 12.345678901);
comment on column marts.days.cost is 'What a client''s day cost; "all" of it';
create table ops.days (date date, cost text);
comment on column ops.days.cost is 'of another schema';
create view marts.seen as select 1 as one;
create table ops.control_totals (measure text, digest text);
insert into ops.control_totals values ('rows', 'd');
"""


def test_the_copy_has_rows_comments_and_no_more_or_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        warehouse.execute(TABLES)
        publish()
        expected = [("main", "days", "cost", 'What a client\'s day cost; "all" of it')]
        assert _copied() == (expected, [("control_totals",), ("days",)], ["12.345678901"])
        # something that cannot be copied, halfway through
        warehouse.execute("alter table ops.control_totals drop digest")
        warehouse.execute("update marts.days set cost = 1")
        with pytest.raises(duckdb.BinderException):
            publish()
        assert _copied()[2] == ["12.345678901"]
        warehouse.execute("alter table ops.control_totals add column digest text")
        publish()
        assert _copied() == (expected, [("control_totals",), ("days",)], ["1.000000000"])


def _copied() -> tuple[list[tuple[str, ...]], list[tuple[str]], list[str]]:
    with duckdb.connect(str(published()), read_only=True) as copy:
        comments = copy.execute(
            "select schema_name, table_name, column_name, comment from duckdb_columns()"
            " where comment is not null"
        ).fetchall()
        tables = copy.execute("select table_name from duckdb_tables() order by 1").fetchall()
        costs = copy.execute("select cost::text from days").fetchall()
    return comments, tables, [cost for (cost,) in costs]
