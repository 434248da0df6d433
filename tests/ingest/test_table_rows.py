"""Rows passed to dlt as columns: every value must stay the same."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.normalize.items_normalizers import JsonLItemsNormalizer

from ingest import loads
from ingest import pull as pipeline
from ingest.columns import (
    COUNT_TYPE,
    DATE_TYPE,
    FLAG_TYPE,
    INSTANT_TYPE,
    MONEY_TYPE,
    TEXT_TYPE,
    Columns,
)
from ingest.dlt_pipeline import file_format, keep_imports
from ingest.import_file import dlt_format
from ingest.model import Pull, Row, Window
from ingest.resources import REPLACE, SOURCE, TOMBSTONE, daily
from ingest.table_rows import DELETED, PART_ROWS, Files
from signalroom.errors import WarehouseError
from signalroom.warehouse import dlt_destination, transaction
from tests.ingest.test_load import source_of
from tests.support.warehouse import Warehouse

DAY, NEXT = date(2026, 11, 17), date(2026, 11, 18)
NOW = datetime(2026, 11, 19, 14, 30, tzinfo=UTC)
KINDS: Columns = {
    "_client_id": {**TEXT_TYPE, "nullable": False},
    "date": DATE_TYPE,
    "n": COUNT_TYPE,
    "label": TEXT_TYPE,
    "cost": MONEY_TYPE,
    "is_on": FLAG_TYPE,
    "at": INSTANT_TYPE,
}
UGLY: dict[str, list[Any]] = {
    "label": [
        "", " ", "NULL", "null", "NA", "nan", "\\N", "\\.", "\n\\.\n", 'a "quoted", text', "a\r\nb",
        "\r", "\t", "'", '"', "=1+1", "\\", "\\x00", "{}", "caf\u00e9 \u4e2d \U0001f600", "\u2028",
        "\ufeff", "\x1f", "00123", "1e5", "True", "2026-01-01T00:00:00Z", 7, Decimal("1.50"), True,
    ],
    "cost": [
        Decimal("9999999999999999999.999999999999999999"), Decimal("-0"), Decimal("1E-18"),
        Decimal("1E+18"), Decimal("412.370000000000061234"), Decimal("0.10"), 5, "7.25", None,
    ],
    "n": [2**63 - 1, -(2**63), 0, -1, "12", 5.0, None],
    "is_on": [True, False, None],
    "at": [
        datetime(2026, 1, 1, 5, 4, 3, 123456, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=-4))),
        None,
    ],
    "added": ["x", None, "'; drop table everflow.daily_stats; --"],
}  # fmt: skip
COLUMNS_SQL = (
    "select column_name, data_type, is_nullable, numeric_precision, numeric_scale,"
    " character_maximum_length from information_schema.columns"
    " where table_name = 'daily_stats' and table_schema = '{}' order by 1"
)


def ugly_rows(client_id: str) -> list[Row]:
    """A row for each ugly value, with the other columns empty or missing."""
    rows: list[Row] = []
    for name, values in UGLY.items():
        for value in values:
            rows.append({"_client_id": client_id, "date": DAY, name: value})
    return rows


@pytest.fixture(autouse=True)
def activated(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", NOW.isoformat())
    return warehouse


def load(rows: list[Row]) -> pipeline.Loaded:
    @daily(columns=KINDS, measures=("cost",))
    def daily_stats(pull: Pull) -> list[Row]:
        return rows

    one = source_of(daily_stats)
    return pipeline.load(one, pipeline.make_pull(one, "713", window=Window(DAY, NEXT)))


def load_as_dicts(rows: list[Row], folder: Path) -> None:
    """Load the same rows in dlt's own way, into the schema `plain`."""
    plain = dlt.pipeline(
        "plain", pipelines_dir=str(folder), destination=dlt_destination(), dataset_name="plain"
    )
    plain.activate()
    hints: Any = {name: dict(kind) for name, kind in {**KINDS, **TOMBSTONE}.items()}
    hints["added"] = dict(TEXT_TYPE)
    form = file_format()

    @dlt.resource(
        name="daily_stats",
        columns=hints,
        write_disposition=REPLACE,
        merge_key=("_client_id", "date"),
        max_table_nesting=0,
        file_format=dlt_format(form),
    )
    def given() -> Any:
        yield rows

    @dlt.source(name="plain", **SOURCE)
    def plain_source() -> Any:
        return given

    plain.run(plain_source()).raise_on_failed_jobs()


def test_ugly_values_are_loaded_as_dlt_loads_dicts(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = ugly_rows("713")
    assert load(rows).rows == {"daily_stats": len(rows)}
    load_as_dicts(rows, tmp_path)
    ours, plain = (warehouse.rows(COLUMNS_SQL.format(name)) for name in ("everflow", "plain"))
    assert ours == plain
    kept = ", ".join(f'"{name}"' for name in [*KINDS, "added"])
    for one, other in (("everflow", "plain"), ("plain", "everflow")):
        assert not warehouse.rows(
            f"select {kept} from {one}.daily_stats except all"
            f" select {kept} from {other}.daily_stats"
        )


def test_rows_say_which_load_brought_them_and_are_told_apart(warehouse: Warehouse) -> None:
    for _ in range(2):
        load(ugly_rows("713"))
    [(rows, ids, loads)] = warehouse.rows(
        "select count(*), count(distinct _dlt_id), count(distinct _dlt_load_id)"
        " from everflow.daily_stats"
    )
    assert (rows, ids, loads) == (len(ugly_rows("713")), rows, 1)
    [(newest,)] = warehouse.rows("select max(load_id) from everflow._dlt_loads")
    assert warehouse.rows("select distinct _dlt_load_id from everflow.daily_stats") == [(newest,)]


def test_many_rows_pass_as_one_file_and_none_through_dlts_normalizer(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, each row took 190 microseconds."""
    normalized: list[str] = []
    normalize = JsonLItemsNormalizer._normalize_chunk

    def noted(self: Any, root_table_name: str, *rest: Any, **more: Any) -> Any:
        normalized.append(root_table_name)
        return normalize(self, root_table_name, *rest, **more)

    monkeypatch.setattr(JsonLItemsNormalizer, "_normalize_chunk", noted)
    count = PART_ROWS * 2 + 1
    load([{"_client_id": "713", "date": DAY, "n": one, "cost": Decimal(1)} for one in range(count)])
    assert "daily_stats" not in normalized
    assert warehouse.rows("select count(*), sum(n) from everflow.daily_stats") == [
        (count, sum(range(count)))
    ]
    [(total,)] = warehouse.rows(
        "select total from ops.control_totals where measure = 'cost' and day = '2026-11-17'"
    )
    assert total == count


def test_what_a_pull_imported_is_not_searched_for_garbage_again(warehouse: Warehouse) -> None:
    gc.unfreeze()
    keep_imports.cache_clear()
    load([{"_client_id": "713", "date": DAY, "n": 1, "cost": Decimal(1)}])
    assert gc.get_freeze_count() > 0
    gc.collect()
    before = gc.get_stats()[0]["collections"]
    page = [{"_client_id": "713", "n": number} for number in range(20_000)]
    assert gc.get_stats()[0]["collections"] == before, f"a page of {len(page):,} is searched"


@pytest.mark.parametrize(("name", "value"), [("n", Decimal("1.5")), ("n", 1.5)])
def test_a_fraction_is_refused_by_a_column_of_whole_numbers(name: str, value: object) -> None:
    """Arrow would silently truncate it."""
    with pytest.raises(WarehouseError, match=f"column {name} of daily_stats is bigint"):
        load([{"_client_id": "713", "date": DAY, name: value}])


def test_what_clears_a_day_goes_into_the_file_of_its_rows(tmp_path: Path) -> None:
    files = Files(tmp_path, "parquet", [*KINDS, DELETED], "1")
    files.write(pa.table({"_client_id": ["713"], "date": [DAY], "n": [1]}))
    files.clear([{"_client_id": "713", "date": DAY, DELETED: True}])
    assert len(list(files.items())) == 1, "each further file is a load job"


def test_a_day_on_which_no_row_has_the_measure_is_told(warehouse: Warehouse) -> None:
    """The vendor returns a few rows for each day, so no single answer looks unusual."""

    @daily(columns=KINDS, measures=("cost",), required=("cost",))
    def daily_stats(pull: Pull) -> list[Row]:
        told = {"_client_id": pull.client_id, "n": 1}
        return [{**told, "date": DAY, "cost": Decimal(5)}, {**told, "date": NEXT, "cost": None}]

    said: list[str] = []
    one = source_of(daily_stats)
    pull = pipeline.make_pull(one, "713", window=Window(DAY, NEXT))
    pipeline.load(one, replace(pull, notice=said.append))
    assert said == [
        "daily_stats: the vendor gave no cost for 2026-11-18; it is missing there, not zero"
    ]
    assert warehouse.rows("select cost from everflow.daily_stats order by date") == [(5,), (None,)]


def test_duckdb_is_never_written_by_two_jobs_at_once(warehouse: Warehouse) -> None:
    """After such a load, rows of a list were once missing."""
    told = dlt_destination().capabilities().loader_parallelism_strategy
    assert told == ("sequential" if warehouse.target == "duckdb" else None)


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_load_whose_rows_are_not_all_there_does_not_count(warehouse: Warehouse) -> None:
    @daily(columns=KINDS, measures=("cost",))
    def daily_stats(pull: Pull) -> list[Row]:
        return ugly_rows("713")

    one = source_of(daily_stats)
    extracted = pipeline.extract(one, pipeline.make_pull(one, "713", window=Window(DAY, NEXT)))
    pipeline.load_extracted(extracted)
    load_id = warehouse.rows("select max(load_id) from ops.loads")[0][0]
    held = len(warehouse.rows("select 1 from everflow.daily_stats"))
    with transaction() as execute:
        execute("delete from everflow.daily_stats where _dlt_id ="
                " (select min(_dlt_id) from everflow.daily_stats)")  # fmt: skip
    with pytest.raises(WarehouseError, match=f"{held} rows were loaded and {held - 1} are there"):
        loads.require_kept(extracted.pull, extracted.tables, load_id)
