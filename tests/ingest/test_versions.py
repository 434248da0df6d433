"""The version ledger keeps every change and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingest import loads, versions
from ingest.model import ControlTotal, Pull, Row, TableMetrics, Window
from signalroom import warehouse as real
from signalroom.versioned import VERSIONED
from tests.ingest.test_load import pull_rows, row
from tests.support.warehouse import Warehouse

FIRST, SECOND = date(2026, 11, 17), date(2026, 11, 18)
BOTH = Window(FIRST, SECOND)
NOON, EVENING, NIGHT = (datetime(2026, 11, 19, hour, tzinfo=UTC) for hour in (17, 22, 23))
VERSIONS = (
    "select _client_id, date, affiliate_id, affiliate_label, payout, known_from, is_removed"
    " from ops.everflow__daily_stats_versions order by known_from, date, affiliate_id"
)


@pytest.fixture(autouse=True)
def activated(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.activate(monkeypatch)


def pull_at(moment: datetime, rows: list[Row], monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", moment.isoformat())
    pull_rows(rows, **{"window": BOTH, **how})


def test_each_change_is_kept_and_nothing_else(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = row(FIRST, 1, "10", payout=Decimal("1.10")), row(SECOND, 2, "20", payout=None)
    pull_at(NOON, [one, two], monkeypatch)
    pull_at(NOON, [row(FIRST, 1, "7", payout=Decimal(7))], monkeypatch, client_id="cti")
    # another notation, and a column that no mart reads
    pull_at(EVENING, [{**one, "payout": Decimal("1.100")}, {**two, "imp": 9}], monkeypatch)
    before = warehouse.rows(VERSIONS)
    assert before == [
        ("713", FIRST, 1, "Affiliate 1", Decimal("1.1"), NOON, False),
        ("cti", FIRST, 1, "Affiliate 1", Decimal(7), NOON, False),
        ("713", SECOND, 2, "Affiliate 2", None, NOON, False),
    ]
    # a label, an amount that was missing, a row that disappeared
    pull_at(EVENING, [{**two, "affiliate_label": "Two", "payout": Decimal(0)}], monkeypatch)
    assert warehouse.rows(VERSIONS)[3:] == [
        ("713", FIRST, 1, None, None, EVENING, True),
        ("713", SECOND, 2, "Two", Decimal(0), EVENING, False),
    ]
    # and the row returns unchanged; a pull of other days does not affect this one
    pull_at(NIGHT, [one], monkeypatch, window=Window(FIRST, FIRST))
    assert warehouse.rows(VERSIONS)[5:] == [
        ("713", FIRST, 1, "Affiliate 1", Decimal("1.1"), NIGHT, False),
    ]


def test_a_key_that_the_vendor_gives_twice_is_no_new_version_each_hour(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment in (NOON, EVENING):
        pull_at(moment, [row(FIRST, 1, "10"), row(FIRST, 1, "11")], monkeypatch)
    assert len(warehouse.rows(VERSIONS)) == 1


def test_a_load_takes_at_most_two_more_statements_for_each_table(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []

    @contextmanager
    def counted() -> Iterator[Any]:
        with real.transaction() as execute:

            def count(sql: str, *values: Any) -> Any:
                statements.append(sql)
                return execute(sql, *values)

            yield count

    monkeypatch.setattr(loads, "transaction", counted)
    pull_at(NOON, [row(FIRST, 1, "10")], monkeypatch)
    ours = [sql for sql in statements if "_versions" in sql or 'ops."pulls"' in sql]
    assert len(ours) == 2, "one for each table, and the pull is noted once for all of them"
    assert not any("information_schema" in sql for sql in statements)
    # days that are pulled again are removed from the control totals together, not one by one
    statements.clear()
    pull_at(EVENING, [row(FIRST, 1, "10"), row(SECOND, 1, "11")], monkeypatch)
    assert sum("delete from ops.control_totals" in sql for sql in statements) == 1


def test_each_pull_is_noted_with_the_days_that_it_asked_for(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_at(NOON, [row(FIRST, 1, "10"), row(SECOND, 1, "10")], monkeypatch)
    pull_at(EVENING, [row(FIRST, 1, "10")], monkeypatch, window=Window(FIRST, FIRST))
    found = warehouse.rows(
        "select _client_id, source, table_name, first_day, last_day, known_from from ops.pulls"
        " order by known_from"
    )
    assert found == [
        ("713", "everflow", "daily_stats", FIRST, SECOND, NOON),
        ("713", "everflow", "daily_stats", FIRST, FIRST, EVENING),
    ]


def test_a_column_that_raw_lacks_is_null_in_every_version(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_at(NOON, [row(FIRST, 1, "10")], monkeypatch)
    warehouse.execute("alter table everflow.daily_stats drop column affiliate_label")
    columns = list(VERSIONED["everflow.daily_stats"][1])
    found = warehouse.rows(
        f"select {', '.join(columns)} from ops.everflow__daily_stats_versions where not is_removed"
    )
    [before] = found
    with real.transaction() as execute:
        pull = Pull("713", BOTH, EVENING, ("daily_stats",), source="everflow")
        totals = [ControlTotal(FIRST.isoformat(), FIRST, {"rows": 1}, "")]
        versions.record(execute, pull, {"daily_stats": TableMetrics(totals)}, "load-2")
    newest = dict(
        zip(
            columns,
            warehouse.rows(
                f"select {', '.join(columns)} from ops.everflow__daily_stats_versions"
                " where load_id = 'load-2'"
            )[0],
            strict=True,
        )
    )
    assert newest == {**dict(zip(columns, before, strict=True)), "affiliate_label": None}
