"""Tables of an earlier system are present: rows of two systems must never share a table."""

from __future__ import annotations

import pytest

from tests.support.processes import signalroom_cli
from tests.support.vendor import Answer, in_turn, scripted_vendor
from tests.support.warehouse import Warehouse

SPEND = [{"date": "2026-11-18", "source": "New", "source_id": "x1", "cost": 5.25, "clicks": 1}]


@pytest.fixture
def old_tables(warehouse: Warehouse) -> Warehouse:
    warehouse.execute("create schema redtrack")
    warehouse.execute(
        "create table redtrack.daily_spend (date text, source text, cost double precision)"
    )
    warehouse.execute("create table redtrack._dlt_version (version bigint)")
    warehouse.execute("insert into redtrack.daily_spend values ('2025-01-01', 'Old', 1.5)")
    return warehouse


def test_an_earlier_systems_tables_are_never_mixed_with_ours(old_tables: Warehouse) -> None:
    with scripted_vendor(in_turn(Answer(SPEND))) as vendor:
        env = {
            **old_tables.environment,
            "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
            "SIGNALROOM_CLIENTS": "713",
            "REDTRACK_API_KEY": "k",
            "REDTRACK_BASE_URL": vendor.url,
        }
        load = ("ingest", "redtrack", "--resource", "daily_spend")
        stopped = signalroom_cli(*load, env=env)
        assert stopped.returncode == 1
        assert "signalroom doctor --adopt" in stopped.stderr
        assert old_tables.rows("select * from redtrack.daily_spend") == [("2025-01-01", "Old", 1.5)]

        planned = signalroom_cli("doctor", "--adopt", env=env)
        assert planned.returncode == 0, planned.stderr
        assert "daily_spend 1 row" in planned.stdout
        assert signalroom_cli(*load, env=env).returncode == 1

        done = signalroom_cli("doctor", "--adopt", "--yes", env=env)
        assert done.returncode == 0, done.stderr
        loaded = signalroom_cli(*load, env=env)
        assert loaded.returncode == 0, loaded.stderr

    assert [
        name for (name,) in old_tables.rows("select source_name from redtrack.daily_spend")
    ] == ["New"]
    kept = old_tables.rows("select * from redtrack_before_signalroom.daily_spend")
    assert kept == [("2025-01-01", "Old", 1.5)]
