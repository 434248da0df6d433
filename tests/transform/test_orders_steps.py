"""Orders after any sequence of files: added, loaded again, restated, removed, or half built."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.warehouse import POSTGRES_FIRST, Warehouse
from tests.transform import raw
from tests.transform.dbt import Dbt

pytestmark = [
    pytest.mark.deep,  # in the suite, test_further_marts does the same with chosen changes
    pytest.mark.parametrize("module_warehouse", POSTGRES_FIRST, indirect=True),
]

FIRST_LOAD = datetime(2026, 11, 19, 8, tzinfo=UTC)
MODELS = ("+int_orders__by_file", "int_orders__latest", "orders")
COLUMNS = ("_client_id", "_file_name", "_row_id", "_file_date", "orders_id", "total_amount")
TABLES = ("orders_create", "orders_update")
# the same name for both clients and in both tables; two names without a time share a place
NAMES = ("report_2026-11-01T0531_a.csv", "report_2026-11-02T0531_b.csv", "no-time-1.csv")
CLIENTS = ("713", "cti")
ORDERS = ("1", "2", "3", "4")

File = tuple[str, str, str]  # table, client, name
Line = tuple[str, str]  # order, amount


@dataclass
class Bucket:
    """Every file that raw has, with its lines."""

    warehouse: Warehouse
    files: dict[File, list[Line]] = field(default_factory=dict)
    loads: int = 0
    # since the last build; of a file both changed and lost, no trace is left of what it had
    changed: set[File] = field(default_factory=set)
    lost: set[File] = field(default_factory=set)

    def load(self, file: File, lines: list[Line], *, is_recorded: bool = True) -> None:
        """Replace the file's rows and its record, as a load does."""
        self.remove(file)
        table, client, name = file
        rows = [
            (client, name, number, "2026-11-01", order, amount)
            for number, (order, amount) in enumerate(lines)
        ]
        raw.insert(self.warehouse, f"s3_exports.{table}", rows)
        self.files[file] = lines
        self.loads += 1
        if is_recorded:
            at = FIRST_LOAD + timedelta(minutes=self.loads)
            total = (client, "s3_exports", table, name, None, "rows", len(lines), at, True, at)
            raw.insert(self.warehouse, "ops.control_totals", [(*total, None)])

    def remove(self, file: File) -> None:
        """Remove the file with its record."""
        table, client, name = file
        self.files.pop(file, None)
        self.changed.add(file)
        self.warehouse.execute(
            f"delete from s3_exports.{table}"
            f" where _client_id = '{client}' and _file_name = '{name}'"
        )
        self.warehouse.execute(
            f"delete from ops.control_totals where table_name = '{table}'"
            f" and _client_id = '{client}' and partition_key = '{name}'"
        )

    def expected(self) -> list[tuple[str, str, str]]:
        """Each order's client, id and amount in the newest file that has it."""
        newest: dict[tuple[str, str], tuple[Any, str]] = {}
        for (table, client, name), lines in self.files.items():
            time = name[7:22] if name.startswith("report_") else "2026-11-01T0000"
            place = (time, table == "orders_update", name)
            for order in {order for order, _ in lines}:
                amount = max(float(each) for one, each in lines if one == order)
                found = newest.get((client, order))
                if found is None or found[0] < place:
                    newest[client, order] = (place, f"{amount:.2f}")
        return sorted((client, order, amount) for (client, order), (_, amount) in newest.items())


def orders(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    found = warehouse.rows("select _client_id, order_id, total_amount from marts.orders")
    return sorted((client, order, f"{amount:.2f}") for client, order, amount in found)


def contents(warehouse: Warehouse) -> list[list[str]]:
    names = ("intermediate.int_orders__by_file", "marts.orders")
    return [sorted(map(repr, warehouse.rows(f"select * from {name}"))) for name in names]


def lines_of(chance: random.Random) -> list[Line]:
    return [
        (chance.choice(ORDERS), f"{chance.randint(1, 9999) / 100:.2f}")
        for _ in range(chance.randint(1, 4))
    ]


def step(chance: random.Random, bucket: Bucket) -> str:
    """One change of the files; returns what it was."""
    known = list(bucket.files)
    file = (chance.choice(TABLES), chance.choice(CLIENTS), chance.choice(NAMES))
    kind = chance.choice(("add", "add", "again", "restated", "removed", "unrecorded", "lost"))
    if kind != "add" and known:
        file = chance.choice(known)
    if file in bucket.lost or (kind == "lost" and file in bucket.changed):
        return "nothing"
    if kind in ("add", "restated"):
        bucket.load(file, lines_of(chance))
    elif kind == "again":
        bucket.load(file, bucket.files.get(file) or lines_of(chance))
    elif kind == "unrecorded":  # rows that no record speaks for
        bucket.load(file, lines_of(chance), is_recorded=False)
    elif kind == "removed":
        bucket.remove(file)
    else:  # rows of the model that are gone
        bucket.lost.add(file)
        table, client, name = file
        bucket.warehouse.execute(
            f"delete from intermediate.int_orders__by_file where _client_id = '{client}'"
            f" and _file_name = '{name}' and is_update = {table == 'orders_update'}"
        )
    return f"{kind} {file}"


@contextmanager
def commands(dbt: Dbt, warehouse: Warehouse) -> Iterator[Callable[..., str]]:
    """Runs dbt, in one process where that does not hold the warehouse's file."""
    if warehouse.target == "postgres":
        with dbt.session() as run:
            yield run
    else:
        yield lambda *arguments: "" if dbt.succeeds(*arguments) else "failed"


def test_orders_are_those_of_a_full_refresh_after_any_sequence_of_files(
    module_warehouse: Warehouse, module_dbt: Dbt
) -> None:
    """An order falls back to an older file when its newest one is gone, and may return to it.

    STEPS=200 for more of them. Some builds end before the mart, and some begin with it.
    """
    chance = random.Random(713)
    warehouse = module_warehouse
    raw.create_tables(warehouse)
    for table in TABLES:
        raw.create_orders(warehouse, table, [dict.fromkeys(COLUMNS)])
        warehouse.execute(f"delete from s3_exports.{table}")
        if warehouse.target == "postgres":  # as loads make it
            warehouse.execute(f"create index on s3_exports.{table} (_file_name, _client_id)")
    bucket = Bucket(warehouse)
    done: list[str] = []
    compared = 0
    with commands(module_dbt, warehouse) as dbt:
        assert dbt("run", "--select", *MODELS, "+orders") == ""
        for number in range(int(os.environ.get("STEPS", "8"))):
            done += [step(chance, bucket) for _ in range(chance.randint(1, 4))]
            if chance.random() < 0.2:  # a build that was lost halfway
                half = chance.choice(("int_orders__by_file", "orders"))
                assert dbt("run", "--select", half) == ""
                done.append("half a build")
                continue
            assert dbt("run", "--select", *MODELS) == ""
            bucket.lost.clear()
            bucket.changed.clear()
            assert orders(warehouse) == bucket.expected(), done
            if number % 8 == 6:
                stepwise = contents(warehouse)
                assert dbt("run", "--full-refresh", "--select", *MODELS) == ""
                assert contents(warehouse) == stepwise, done
                compared += 1
            done = done[-30:]
    assert compared > 0
