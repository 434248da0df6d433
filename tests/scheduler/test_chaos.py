"""Processes that die: no row is lost or doubled, every run ends, no message is sent twice."""

from __future__ import annotations

from datetime import timedelta

import click
import pytest

from sandbox import Agency
from tests.main_job.test_main_job import INSTANTS, rows_of
from tests.scheduler.chaos import AIM_S, broken, chaos, doubled
from tests.support.warehouse import Warehouse

MARTS = ("daily_performance", "daily_summary", "unmapped_spend", "orders")
KILLS, WITHIN_S = 3, 90  # `make chaos` kills hundreds of times


def wrong_marts(warehouse: Warehouse, agency: Agency) -> list[str]:
    """The marts of the last 36 days that differ from the truth of what was loaded."""
    today = agency.calendar.today()
    truth = agency.truth("713", start=today - timedelta(days=35), end=today)
    found = []
    for name in MARTS:
        expected = getattr(truth, name)
        columns = [
            column
            for (column,) in warehouse.rows(
                "select column_name from information_schema.columns"
                f" where table_schema = 'marts' and table_name = '{name}' order by 1"
            )
            if column in expected[0] and column not in {*INSTANTS, "_client_id"}
        ]
        assert len(columns) >= 4
        rows = [
            dict(zip(columns, row, strict=True))
            for row in warehouse.rows(f"select {', '.join(columns)} from marts.{name}")
        ]
        if rows_of(rows, columns) != rows_of(expected, columns):
            found.append(f"marts.{name}: {len(rows)} rows, the truth has {len(expected)} or others")
    return found


@pytest.mark.fault(38, 54)
@pytest.mark.deep
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_kills_leave_the_truth_an_unbroken_ledger_and_no_message_twice(
    warehouse: Warehouse,
) -> None:
    with Agency() as agency, chaos(warehouse, agency, seed=713) as one:
        one.kill_for(seconds=WITHIN_S, kills=KILLS)
        one.finish()
        click.echo(f"{sum(one.kills.values())} kills: {one.table()}")
        assert sum(one.kills.values()) >= 2
        assert set(one.kills) <= set(AIM_S)
        runs = one.ledger.recent(limit=10**6)
        assert broken(runs) == []
        assert wrong_marts(warehouse, agency) == []
        assert agency.messages
        assert doubled(agency) == []
