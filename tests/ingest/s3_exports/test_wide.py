"""Files with more columns than a table can have: refused by name, while all others load."""

from __future__ import annotations

from typing import Any

import pytest
from dlt import Pipeline

from ingest import pull as pipeline
from ingest import registry
from ingest.sources.s3_exports import csv_records
from ingest.sources.s3_exports.limits import TABLE_COLUMNS
from signalroom.kept_open import kept_open
from signalroom.warehouse import duckdb_connection
from tests.ingest.s3_exports.conftest import CREATE, HEADER, Bench, export, order, orders
from tests.support.warehouse import Warehouse


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("warehouse", "extra", "text", "reason"),
    [
        pytest.param("postgres", 1_571, "", "the table would have", id="columns-postgres"),
        pytest.param("postgres", 780, "abcdefghijkl", "larger than PostgreSQL can hold", id="row"),
        pytest.param("postgres", 9_900, "", "columns, more than", id="ten thousand-postgres"),
        pytest.param("duckdb", 1_571, "", "the table would have", id="columns-duckdb"),
        pytest.param("duckdb", 9_900, "", "columns, more than", id="ten thousand-duckdb"),
    ],
    indirect=["warehouse"],
)
def test_a_file_that_is_too_wide_stops_no_other(
    bench: Bench,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    extra: int,
    text: str,
    reason: str,
) -> None:
    warehouse.activate(monkeypatch)
    wide = [f"extra_{number}" for number in range(extra)]
    bench.put(export(orders([1, 2])))
    bench.put(
        export([order(3, **dict.fromkeys(wide, text))], [*HEADER, *wide]), "orders-create/wide.csv"
    )
    bench.put(export(orders([9])), "orders-update/a.csv")
    bench.put(b"prospect_id,state\n7,TX\n", "prospects-create/a.csv")
    source = registry.source("s3_exports")
    loaded = pipeline.load(source, pipeline.make_pull(source, "713"))
    (failure,) = loaded.failures
    assert "orders-create/wide.csv is refused" in failure
    assert reason in failure
    assert loaded.rows == {"orders_create": 2, "orders_update": 1, "prospects_create": 1}
    names = "select distinct _file_name from s3_exports.orders_create"
    assert warehouse.rows(names) == [(CREATE,)]


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_file_that_only_postgres_cannot_hold_loads_on_duckdb(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no pages, and takes all columns that are allowed."""
    warehouse.activate(monkeypatch)
    wide = [f"extra_{number}" for number in range(1_440)]
    bench.put(export([order(1, **dict.fromkeys(wide, "abcdefghijkl"))], [*HEADER, *wide]))
    source = registry.source("s3_exports")
    loaded = pipeline.load(source, pipeline.make_pull(source, "713"))
    assert (loaded.failures, loaded.rows["orders_create"]) == ((), 1)
    found = "select orders_id, extra_0, extra_1439 from s3_exports.orders_create"
    assert warehouse.rows(found) == [("1", "abcdefghijkl", "abcdefghijkl")]


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
@pytest.mark.parametrize("extra", [0, 700])
def test_duckdb_loads_within_a_memory_limit_that_grows_with_the_columns_and_ends_with_the_load(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    """Without one it holds all rows of a load; with a fixed one, wide tables would fail."""
    warehouse.activate(monkeypatch)
    limits: list[str] = []

    def note_limit() -> None:
        with duckdb_connection(read_only=False) as connection:
            [(limit,)] = connection.execute("select current_setting('memory_limit')").fetchall()
            limits.append(limit)

    load = Pipeline.load

    def noted(self: Pipeline) -> Any:
        note_limit()
        return load(self)

    monkeypatch.setattr(Pipeline, "load", noted)
    wide = [f"extra_{number}" for number in range(extra)]
    bench.put(export([order(1, **dict.fromkeys(wide, "abc"))], [*HEADER, *wide]))
    source = registry.source("s3_exports")
    with kept_open():
        note_limit()
        pipeline.load(source, pipeline.make_pull(source, "713"))
        note_limit()
    before, during, after = limits
    assert before == after != during
    least, most = (300, 330) if not extra else (1_500, 1_800)
    value, unit = during.split()
    assert least < float(value) * {"MiB": 1, "GiB": 1_024}[unit] < most


def test_the_columns_of_several_files_are_counted_together(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "MAX_COLUMNS", TABLE_COLUMNS)
    for part in range(2):
        more = [f"extra_{part}_{number}" for number in range(900)]
        bench.put(export(orders([part]), [*HEADER, *more]), f"orders-create/{part}.csv")
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["0"]
    (failure,) = taken.failures
    assert "orders-create/1.csv is refused: with its" in failure
