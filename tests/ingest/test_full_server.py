"""What goes wrong when PostgreSQL stays full: a load half done, or a reason that says nothing."""

from __future__ import annotations

import re
from threading import Lock
from typing import Any

import pytest
from dlt.common.destination.client import RunnableLoadJob

from signalroom import connecting
from signalroom.errors import WarehouseError
from signalroom.warehouse import postgres_connection
from tests.ingest.test_killed import AFTER, BEFORE, NOW, expected, load, load_ids, stored
from tests.support.postgres import PostgresServer
from tests.support.warehouse import Warehouse

FULL = r"FATAL:\s+too many connections for database .*in use: end idle ones .* or raise that limit"


@pytest.mark.parametrize("free", [0, 1, None])
def test_a_server_that_stays_full_ends_in_one_line_and_the_next_load_is_whole(
    postgres_warehouse: Warehouse,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    free: int | None,
) -> None:
    """No connection is free, or one alone, or none from the middle of the load on."""
    monkeypatch.setenv("SIGNALROOM_NOW", NOW)
    monkeypatch.setattr(connecting, "LONGEST_WAIT_S", 0.2)
    load(BEFORE)
    before, loads = stored(postgres_warehouse), load_ids(postgres_warehouse)
    managed = RunnableLoadJob.run_managed

    def limit(connections: int) -> None:
        name = postgres_warehouse.environment["SUPABASE_DB_NAME"]
        postgres.command(f"alter database {name} connection limit {connections}")

    one_at_a_time = Lock()  # two changes of a database at once fail, and then dlt waits forever

    def run_managed(self: Any, *args: Any) -> None:
        with one_at_a_time:
            limit(1)
        managed(self, *args)

    with postgres_connection(), monkeypatch.context() as patch:
        if free is None:
            patch.setattr(RunnableLoadJob, "run_managed", run_managed)
        else:
            limit(1 + free)
        with pytest.raises(WarehouseError) as refused:
            load(AFTER)
        limit(-1)
    said = str(refused.value)
    assert re.search(FULL, said), said
    assert "\n" not in said
    assert stored(postgres_warehouse) == before
    assert load_ids(postgres_warehouse) == loads
    load(AFTER)
    assert stored(postgres_warehouse) == expected(AFTER)
