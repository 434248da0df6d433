"""A source's age: the time since the last successful pull of its stalest active client."""

from __future__ import annotations

import pytest

from tests.support.warehouse import POSTGRES_FIRST, Warehouse
from tests.transform import raw
from tests.transform.dbt import Dbt

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True),
]


def asked(warehouse: Warehouse, client: str, source: str, table: str, hours: int) -> None:
    """Record that a table was last pulled this many hours ago."""
    warehouse.execute(
        f"insert into ops.loads (_client_id, source, table_name, loaded_at) values"
        f" ('{client}', '{source}', '{table}', current_timestamp - interval '{hours} hours')"
    )


def test_a_late_source_warns_and_a_stale_client_fails(warehouse: Warehouse, dbt: Dbt) -> None:
    raw.create_tables(warehouse)
    asked(warehouse, "713", "everflow", "daily_stats", 1)
    asked(warehouse, "713", "redtrack", "daily_spend", 7)
    asked(warehouse, "713", "s3_exports", "orders_create", 29)
    asked(warehouse, "713", "s3_exports", "orders_update", 31)
    # a client that is no longer in the registry is never late
    asked(warehouse, "gone", "everflow", "daily_stats", 500)
    early = dbt.succeeds("source", "freshness")
    # the others were never loaded; they are off, not late
    assert {name for name, status in early.statuses.items() if status != "pass"} == {
        "redtrack.daily_spend",
        "s3_exports.orders_update",
    }
    assert early.names("warn") == {"redtrack.daily_spend", "s3_exports.orders_update"}
    assert early.names("pass") >= {"everflow.daily_stats", "s3_exports.prospects_create"}

    asked(warehouse, "cti", "everflow", "daily_stats", 27)
    asked(warehouse, "cti", "s3_exports", "orders_create", 55)
    late = dbt.run("source", "freshness")
    assert late.exit_code == 1
    assert late.names("error") == {"everflow.daily_stats", "s3_exports.orders_create"}

    # a current pause causes no lateness; an expired one does, although nothing was pulled since
    warehouse.execute(
        "create table ops.sources (_client_id text, source text, state text, since timestamptz,"
        " until timestamptz, reason text)"
    )
    for client, until in (("cti", "+ interval '1 hour'"), ("713", "- interval '1 hour'")):
        warehouse.execute(
            "insert into ops.sources (_client_id, source, state, since, until)"
            f" select '{client}', name, 'paused', current_timestamp - interval '90 hours',"
            f" current_timestamp {until} from (values ('everflow'), ('redtrack')) as names(name)"
        )
    paused = dbt.run("source", "freshness")
    assert paused.names("error") == {"s3_exports.orders_create"}
    assert "redtrack.daily_spend" in paused.names("warn")
