"""The raw table contains exactly what the files contain, on each engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dlt.common.destination.client import RunnableLoadJob
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.normalize.items_normalizers.arrow import ArrowItemsNormalizer

from cli.main import signalroom as main
from ingest import pull as pipeline
from ingest import registry
from ingest.sources.s3_exports import output
from ingest.sources.s3_exports.limits import ORDER_COLUMNS
from signalroom.errors import WarehouseError
from signalroom.paths import root
from signalroom.warehouse import postgres_connection
from tests.ingest.s3_exports.conftest import CREATE, HEADER, Bench, export, order, orders
from tests.ingest.test_killed import POINTS, load_in_a_child
from tests.support.warehouse import ON_POSTGRES, Warehouse

SOURCE = registry.source("s3_exports")

OTHER = "orders-create/report_2026-11-19T1849_cd34.csv"


def load() -> pipeline.Loaded:
    return pipeline.load(SOURCE, pipeline.make_pull(SOURCE, "713"))


def raw(warehouse: Warehouse, columns: str = "_file_name, orders_id, _row_id") -> list[object]:
    return warehouse.rows(
        f"select {columns} from s3_exports.orders_create order by _file_name, _row_id"
    )


@pytest.mark.fault(28)
def test_a_file_read_again_shorter_and_empty_never_leaves_old_rows(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    bench.put(export(orders(range(5))))
    bench.put(export(orders([7])), OTHER)
    assert load().rows == {"orders_create": 6, "orders_update": 0, "prospects_create": 0}
    before = raw(warehouse)
    assert before == [*((CREATE, str(n), n) for n in range(5)), (OTHER, "7", 0)]

    assert load().changed == 0
    assert raw(warehouse) == before

    bench.put(export([order(8, **{"Upsell": "x"})], [*HEADER, "Upsell"]))
    load()
    assert raw(warehouse, "_file_name, orders_id, upsell") == [
        (CREATE, "8", "x"),
        (OTHER, "7", None),
    ]

    bench.put(export([]))
    load()
    assert raw(warehouse) == [(OTHER, "7", 0)]
    totals = warehouse.rows(
        "select partition_key, measure, total from ops.control_totals order by 1, 2"
    )
    assert totals == [
        (CREATE, "rows", Decimal(0)),
        (CREATE, "total_amount", Decimal(0)),
        (OTHER, "rows", Decimal(1)),
        (OTHER, "total_amount", Decimal("49.95")),
    ]


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_file_that_is_written_for_the_load_is_written_once(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If its columns differ from the schema in any way, dlt writes the whole file a second time."""
    again: list[str] = []
    write = ArrowItemsNormalizer._write_with_dlt_columns

    def counted(self: ArrowItemsNormalizer, *given: Any) -> Any:
        again.append(str(given[0]))
        return write(self, *given)

    monkeypatch.setattr(ArrowItemsNormalizer, "_write_with_dlt_columns", counted)
    warehouse.activate(monkeypatch)
    cells = {
        "orders_id": "1",
        "order_date": "11/18/2026",
        "order_status": "NEW",
        "total_amount": "49.95",
    }
    bench.put(export([cells], list(ORDER_COLUMNS)))
    assert load().rows["orders_create"] == 1
    assert raw(warehouse) == [(CREATE, "1", 0)]
    assert [name for name in again if "orders_create" in name] == []


def test_files_that_were_never_loaded_are_written_once_and_together(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One job for all files, large or small, and no merge; a repeated file is merged."""
    jobs: list[str] = []
    managed = RunnableLoadJob.run_managed

    def counted(self: RunnableLoadJob, *args: Any) -> None:
        if self.job_file_info().table_name == "orders_create":
            jobs.append("merge" if isinstance(self, SqlLoadJob) else "copy")
        managed(self, *args)

    monkeypatch.setattr(RunnableLoadJob, "run_managed", counted)
    monkeypatch.setattr(output, "HELD_BYTES", 20_000)
    warehouse.activate(monkeypatch)
    names = [f"orders-create/2026-11-{day}.csv" for day in range(10, 16)]
    expected = []
    for number, name in enumerate(names):
        count = 1 if number % 2 else 300
        bench.put(export(orders(range(count))), name)
        expected += [(name, str(row), row) for row in range(count)]
    load()
    assert jobs == ["copy"]
    assert raw(warehouse) == expected

    bench.put(export(orders([7])), OTHER)
    load()
    assert jobs == ["copy"] * 2
    bench.put(export(orders([8, 9])), OTHER)
    bench.put(export(orders([1])), CREATE)
    load()
    assert jobs[2:] == ["copy", "merge"]
    new = [(CREATE, "1", 0), (OTHER, "8", 0), (OTHER, "9", 1)]
    assert raw(warehouse) == [*expected, *new]


APPENDS = ("4 in the load's transaction", "between dlt and the ledger")


@ON_POSTGRES
def test_the_index_of_an_older_version_goes_as_soon_as_nobody_reads(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    bench.put(export(orders([1])))
    load()
    warehouse.execute("create index orders_create_by_file on s3_exports.orders_create (_file_name)")
    names = "select indexname from pg_indexes where indexname like 'orders_create_by_file%%'"
    with postgres_connection() as reader, reader.cursor() as cursor:
        cursor.execute("select 1 from s3_exports.orders_create")
        bench.put(export(orders([2])), OTHER)
        assert load().rows["orders_create"] == 1
        assert len(warehouse.rows(names)) == 2
    bench.put(export(orders([3])), OTHER)
    assert load().rows["orders_create"] == 1
    assert warehouse.rows(names) == [("orders_create_by_file_and_client",)]
    few_days = "explain select 1 from s3_exports.orders_create where _file_date = '2026-11-18'"
    with postgres_connection() as reader, reader.cursor() as cursor:
        cursor.execute("set enable_seqscan = off")
        cursor.execute(few_days)
        assert "orders_create_by_day" in str(cursor.fetchall())


@pytest.mark.fault(4, 9)
@pytest.mark.parametrize("point", APPENDS)
def test_new_files_whose_load_is_killed_are_there_once_after_the_next(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    warehouse.activate(monkeypatch)
    load()
    bench.put(export(orders(range(3))))
    bench.put(export(orders([7])), OTHER)
    assert load_in_a_child(POINTS[point], load) == -signal.SIGKILL
    load()
    assert raw(warehouse) == [*((CREATE, str(n), n) for n in range(3)), (OTHER, "7", 0)]


@pytest.mark.fault(13)
def test_new_files_whose_commit_was_done_unheard_are_there_once_after_the_next(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunnableLoadJob.run_managed

    def in_doubt(self: Any, *args: Any) -> None:
        own = self.run

        def unheard() -> None:
            own()
            raise DatabaseTransientException(Exception("the connection was lost"))

        self.run = unheard
        run(self, *args)

    warehouse.activate(monkeypatch)
    bench.put(export(orders(range(3))))
    with monkeypatch.context() as patch:
        patch.setattr(RunnableLoadJob, "run_managed", in_doubt)
        with pytest.raises(WarehouseError):
            load()
    load()
    assert raw(warehouse) == [(CREATE, str(n), n) for n in range(3)]


def test_a_pull_that_read_what_another_loaded_meanwhile_replaces_it(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    bench.put(export(orders(range(3))))
    slow = next(pipeline.extract_all([(SOURCE, pipeline.make_pull(SOURCE, "713"))]))
    load()
    pipeline.load_extracted(slow)
    assert raw(warehouse) == [(CREATE, str(n), n) for n in range(3)]


def test_text_is_stored_as_it_stands_in_the_file(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    cells = {
        "billing_postcode": "01234",
        "notes": 'said "no",\nthen\r\nleft ',
        "product_name": "NULL",
        "c1": "\\N",
        "c2": "a\tb\\",
        "sid": "the end of a COPY:\n\\.\nand more",
        "c3": "é\U0001f600",
        "total_amount": "$1,049.95",
        "product_sku": "'single'",
    }
    bench.put(export([order(1, **cells), order(2)]))
    load()
    found = raw(warehouse, ", ".join(cells))
    assert found[0] == tuple(cells.values())
    others = warehouse.rows(
        "select c1, notes, _client_id, cast(_file_date as varchar), _row_id"
        " from s3_exports.orders_create where orders_id = '2'"
    )
    assert others == [(None, None, "713", "2026-11-18", 1)]


def test_what_became_of_each_file_stands_in_the_ledger(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    bench.put(export(orders(range(3))) + b"one cell\r\n")
    bench.put(b"", "orders-update/empty.csv")
    bench.put(b"no,export\n", "orders-update/other.csv")
    loaded = load()
    assert len(loaded.failures) == 1
    assert loaded.rejected_rows == 1
    ledger = warehouse.rows(
        "select file_name, status, row_count, rejected_rows from ops.file_ledger order by 1"
    )
    assert ledger == [
        (CREATE, "loaded", 3, 1),
        ("orders-update/empty.csv", "waiting", 0, 0),
        ("orders-update/other.csv", "refused", 0, 0),
    ]
    letters = warehouse.rows("select partition_key, line_number, reason from ops.dead_letters")
    assert letters == [(CREATE, 5, "1 cell instead of 129")]


PROGRAM = """
from datetime import UTC, date, datetime
from ingest.model import Pull, Window
from ingest.sources.s3_exports import s3_exports

day = date(2026, 11, 18)
pull = Pull("713", Window(day, day), datetime(2026, 11, 19, tzinfo=UTC), ("orders_create",), print,
            source="s3_exports")
rows = sum(table['_deleted'].null_count for table in s3_exports(pull=pull).orders_create)
# ru_maxrss would begin with what the parent process had
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) >> 10)
"""


def peak_megabytes(bench: Bench, rows: int, home: Path) -> int:
    """Peak memory of a separate process that reads a file with this many rows."""
    part = export(orders(range(1_000), notes="a note\nof two lines, " * 5)).split(b"\r\n", 1)
    with (home / "big.csv").open("wb") as file:
        file.write(part[0] + b"\r\n")
        for _ in range(rows // 1_000):
            file.write(part[1])
    bench.s3.upload_file(str(home / "big.csv"), bench.bucket, CREATE)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=root(),
        env={**os.environ, "SIGNALROOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"1 of 1 files, {rows:,} rows" in done.stdout
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(bench: Bench, tmp_path: Path) -> None:
    # the first hundred thousand rows fill the buffers of Arrow's threads; 300,000 more add nothing
    small, large = (peak_megabytes(bench, rows, tmp_path) for rows in (100_000, 400_000))
    assert (tmp_path / "big.csv").stat().st_size > 120_000_000
    assert large < small + 100
    assert large < 450  # its merge is one transaction


def lines_of(*command: str) -> list[str]:
    """The output lines of a command."""
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_file_that_is_not_loaded_is_listed_until_it_is_replaced(
    bench: Bench, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    files = {
        "orders-create/refused.csv": b"no,export\n",
        "orders-create/empty.csv": b"",
        "orders-create/book.xlsx": b"PK",
        "orders-create/dates.csv": export([order(1, order_date="10-Mar-2026"), order(2)]),
    }
    for key, content in files.items():
        bench.put(content, key)
    bench.s3.put_object(
        Bucket=bench.bucket, Key="orders-create/cold.csv", Body=b"x", StorageClass="GLACIER"
    )
    bench.put(export(orders([7])))
    assert len(load().failures) == 3
    assert load().failures == ()
    for command in (("dead-letters", "list"), ("status",), ("dead-letters", "list", "--json")):
        said = lines_of(*command)
        for key in (*files, "orders-create/cold.csv"):
            assert [line for line in said if key in line], (command, key)
        assert not [line for line in said if CREATE in line]
    assert "1 of order_date" in " ".join(" ".join(lines_of("status")).split())

    for key in files:
        bench.put(export(orders([9])), key.replace("xlsx", "csv"))
    bench.s3.delete_object(Bucket=bench.bucket, Key="orders-create/book.xlsx")
    bench.put(export(orders([8])), "orders-create/cold.csv")
    assert load().failures == ()
    assert lines_of("dead-letters", "list") == ["No rejected rows."]
    assert not [line for line in lines_of("status") if ".csv" in line]
