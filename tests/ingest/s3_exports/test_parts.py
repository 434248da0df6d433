"""A backlog of files is loaded in parts: nothing is lost, doubled, or claimed too early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.model import Pulled
from ingest.sources import s3_exports
from scheduler.steps.ingest import Request, ingest
from signalroom.progress import Silent
from tests.ingest.s3_exports.conftest import HEADER, Bench, Faults, export, failure, order, orders
from tests.support.warehouse import Warehouse

SOURCE = registry.source("s3_exports")
DAYS = range(11, 16)
UPDATES = [f"orders-update/report_2026-11-{day}T1849.csv" for day in (12, 13, 14)]
UNREADABLE = failure("500 Internal Server Error", "InternalError")


def key(day: int) -> str:
    return f"orders-create/report_2026-11-{day}T1849.csv"


@pytest.fixture
def backlog(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Ten files, two of which cannot be loaded; each is larger than a part."""
    monkeypatch.setattr(s3_exports, "PART_BYTES", {"postgres": 1, "duckdb": 1})
    for day in DAYS:
        bench.put(export(orders(range(day, day + 2))), key(day))
    for number, update in enumerate(UPDATES):
        bench.put(export([order(number, **{"Upsell": "x"})], [*HEADER, "Upsell"]), update)
    bench.put(b"no,export\n", "orders-update/other.csv")
    bench.put(b"PK", "orders-create/report.zip")
    return bench


def pull(notices: list[str] | None = None) -> Pulled:
    lines = [] if notices is None else notices

    class Noted(Silent):
        def note(self, text: str) -> None:
            lines.append(text)

    made = pipeline.make_pull(SOURCE, "713")
    (pulled,) = pipeline.load_all([(SOURCE, made)], Noted())
    return pulled


def raw(warehouse: Warehouse) -> list[Any]:
    return warehouse.rows(
        "select _file_name, orders_id, _row_id from s3_exports.orders_create order by 1, 3"
    )


EVERY_ROW = [(key(day), str(day + row), row) for day in DAYS for row in range(2)]


def loads(warehouse: Warehouse) -> list[Any]:
    return warehouse.rows("select table_name, loaded_at from ops.loads order by 1")


def test_every_row_of_a_backlog_is_loaded_once_and_told_once(
    backlog: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    notices: list[str] = []
    pulled = pull(notices)
    assert pulled.loaded is not None, pulled.failures
    assert raw(warehouse) == EVERY_ROW
    assert pulled.loaded.rows == {"orders_create": 10, "orders_update": 3, "prospects_create": 0}
    assert pulled.loaded.changed == 8
    parts = warehouse.rows("select count(distinct load_id) from ops.file_ledger")
    assert parts == [(8,)], "each file is a load of its own, the last with what is refused"
    refused = sorted(line.split(": ")[1] for line in pulled.failures)
    assert refused == [
        "orders-create/report.zip is refused",
        "orders-update/other.csv is refused",
    ]
    assert sum("prospects-create holds no file" in line for line in notices) == 1
    assert sum("new columns in" in line for line in notices) == 1
    assert len(loads(warehouse)) == 3

    again = pull()
    assert again.loaded is not None
    assert again.loaded.rows["orders_create"] == 0
    assert raw(warehouse) == EVERY_ROW


def test_what_was_loaded_before_an_interruption_stays_but_does_not_count_as_a_pull(
    backlog: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    begun: Iterator[Any] = pipeline.extract_all([(SOURCE, pipeline.make_pull(SOURCE, "713"))])
    for _ in range(3):
        pipeline.load_extracted(next(begun))
    assert raw(warehouse) == EVERY_ROW[:6]
    assert loads(warehouse) == [], "yesterday's file may be among those not read yet"

    assert pull().error is None
    assert raw(warehouse) == EVERY_ROW
    assert len(loads(warehouse)) == 3


def test_a_part_that_cannot_be_loaded_ends_the_pull_and_says_what_was_loaded(
    backlog: Bench, postgres_warehouse: Warehouse, faults: Faults
) -> None:
    warehouse = postgres_warehouse
    assert pull().error is None
    for day in DAYS:
        backlog.put(export(orders(range(day, day + 3))), key(day))
    for update in UPDATES:
        backlog.put(export(orders([7])), update)
    before = loads(warehouse)
    warehouse.execute("alter table s3_exports.orders_update rename to kept_aside")
    warehouse.execute("create view s3_exports.orders_update as select 1 as one")
    faults.requests.clear()
    (failed,) = ingest(Request(sources=("s3_exports",), clients=("713",)), Silent()).pulls
    assert failed.status == "partly"
    assert failed.rows["orders_create"] == len(raw(warehouse)) == 15
    assert loads(warehouse) == before
    read = {path.split("/", 2)[2] for method, path in faults.requests if "update/rep" in path}
    assert read <= set(UPDATES[:2]), "the failed part, and the one read meanwhile"
    warehouse.execute("drop view s3_exports.orders_update")
    warehouse.execute("alter table s3_exports.kept_aside rename to orders_update")

    assert pull().error is None
    assert warehouse.rows("select orders_id from s3_exports.orders_update") == [("7",)] * 3


@pytest.mark.deep
def test_a_bucket_that_no_longer_answers_is_not_asked_for_every_file(
    backlog: Bench, postgres_warehouse: Warehouse, faults: Faults
) -> None:
    warehouse = postgres_warehouse
    faults.plan("GET", key(11)[:-13], *[UNREADABLE] * 100)
    failures = pull().failures
    assert sum("cannot be read (InternalError)" in line for line in failures) == 3
    assert sum("2 more files of orders_create were not tried" in line for line in failures) == 1
    assert len(warehouse.rows("select orders_id from s3_exports.orders_update")) == 3
