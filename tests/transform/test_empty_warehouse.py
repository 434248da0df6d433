"""dbt in the project's root, on warehouses where nothing, or only a part, was ever loaded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.support.warehouse import POSTGRES_FIRST, Warehouse
from tests.transform.dbt import WITHOUT_UNIT_TESTS, Dbt

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_none_then_one_source_is_enough(warehouse: Warehouse, dbt: Dbt) -> None:
    dbt.succeeds("build", *WITHOUT_UNIT_TESTS)
    dbt.succeeds("docs", "generate")
    freshness = dbt.succeeds("source", "freshness")
    assert warehouse.rows("select count(*) from marts.daily_performance") == [(0,)]
    assert warehouse.rows("select count(*) from marts.orders") == [(0,)]
    assert set(freshness.statuses.values()) == {"pass"}
    assert "everflow.daily_stats" in freshness.statuses

    # a table that lacks declared columns and has an undeclared one
    warehouse.execute(
        "create schema everflow;"
        "create table everflow.daily_stats (_client_id text, date date, affiliate_id bigint,"
        " affiliate_label text, advertiser_id bigint, conversions bigint,"
        " payout decimal(38, 18), colour text);"
        "insert into everflow.daily_stats values"
        " ('713', '2026-11-18', 21, 'Blue Bench', 1, 4, 10, 'red')"
    )
    # everything that this table can affect
    dbt.succeeds("build", *WITHOUT_UNIT_TESTS, "--select", "source:everflow.daily_stats+")
    assert warehouse.rows(
        "select affiliate_label, clicks, cost, cpa from marts.daily_performance"
    ) == [("Blue Bench", 0, Decimal(10), Decimal("2.5"))]
    # nothing recorded the request: the day exists, but is not complete
    assert warehouse.rows("select cost, is_complete from marts.daily_summary") == [
        (Decimal(10), False)
    ]


def test_a_home_with_signs_of_an_address_in_its_name_opens(project: Path, tmp_path: Path) -> None:
    """dbt-duckdb parses the path as a URL: it would look for a database named `first`."""
    home = tmp_path / "first #1 50%20é"
    dbt = Dbt(project, {"SIGNALROOM_HOME": str(home), "SIGNALROOM_TARGET": "duckdb"})
    dbt.succeeds("run", "--select", "stg_ops__loads")
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        assert connection.execute("from staging.stg_ops__loads").fetchall() == []
