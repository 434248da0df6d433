"""Rejected rows: never lost silently, and not doubled when they are replayed."""

from __future__ import annotations

import json

import pytest

from sandbox import Agency
from tests.support.processes import signalroom_cli
from tests.support.warehouse import POSTGRES_FIRST, Warehouse

KEY = "orders-create/report_2026-11-18T0601_ab12.csv"
HEADER = "orders_id,order_date,order_status,total_amount\r\n"
BROKEN = HEADER + "1,11/18/2026,NEW,10\r\n2,11/18/2026,NEW,20,too,many\r\n3,11/18/2026,NEW,30\r\n"
FIXED = BROKEN.replace(",too,many", "")


pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True),
]


@pytest.mark.timeout(600)
def test_a_fixed_row_is_replayed_and_lands_exactly_once(warehouse: Warehouse) -> None:
    def orders() -> list[tuple[object, ...]]:
        return warehouse.rows(
            "select orders_id, _row_id from s3_exports.orders_create order by _row_id"
        )

    with Agency(scenario="empty") as agency:
        env = {**agency.environment(), **warehouse.environment, "SIGNALROOM_CLIENTS": "713"}
        agency.s3.put("713", KEY, BROKEN.encode())
        loaded = signalroom_cli("ingest", "s3_exports", env=env)
        assert loaded.returncode == 0, loaded.stderr  # dead letters alone are only a warning
        assert "1 rejected row kept in dead letters" in loaded.stdout
        assert orders() == [("1", 0), ("3", 2)]

        listed = signalroom_cli("dead-letters", "list", "--json", env=env)
        (letter,) = [json.loads(line) for line in listed.stdout.splitlines()]
        assert (letter["partition_key"], letter["client_id"]) == (KEY, "713")
        assert letter["line_number"] == 3
        shown = signalroom_cli("dead-letters", "show", letter["dead_letter_id"], env=env)
        assert letter["reason"] in shown.stdout

        # nothing is fixed yet: the row is still rejected, the others are not doubled
        again = signalroom_cli("dead-letters", "replay", "--all", env=env)
        assert "1 dead letters are still open" in again.stdout, again.stderr
        assert orders() == [("1", 0), ("3", 2)]

        agency.s3.put("713", KEY, FIXED.encode())
        fixed = signalroom_cli("dead-letters", "replay", "--all", env=env)
        assert "0 dead letters are still open" in fixed.stdout, fixed.stderr
        assert orders() == [("1", 0), ("2", 1), ("3", 2)]


def test_a_discarded_row_stays_in_the_books(warehouse: Warehouse) -> None:
    with Agency(scenario="empty") as agency:
        env = {**agency.environment(), **warehouse.environment, "SIGNALROOM_CLIENTS": "713"}
        agency.s3.put("713", KEY, BROKEN.encode())
        # the later commands would load real rows, but simulated rows can be inspected just the same
        loaded = signalroom_cli("ingest", "s3_exports", env={**env, "SIGNALROOM_SANDBOX": "1"})
        assert loaded.returncode == 0, loaded.stderr
    (letter,) = signalroom_cli("dead-letters", "list", env=env).stdout.splitlines()
    unknown = signalroom_cli("dead-letters", "discard", "nonsense", env=env)
    assert unknown.returncode == 1
    assert "nonsense" in unknown.stderr
    done = signalroom_cli("dead-letters", "discard", letter.split()[0], env=env)
    assert done.returncode == 0, done.stderr
    assert "No rejected rows" in signalroom_cli("dead-letters", "list", env=env).stdout
    assert warehouse.rows("select resolution from ops.dead_letters") == [("discarded",)]
