"""Checks on counts that reveal repeated work, or a reader that silently drops rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc
import pytest

from ingest.sources.s3_exports import file as reading
from tests.ingest.s3_exports.conftest import CREATE, Bench, Faults, export, failure, orders


def test_a_second_run_reads_no_file_that_is_known(bench: Bench, faults: Faults) -> None:
    for number in range(30):
        bench.put(export(orders([number])), f"orders-create/{number:02}.csv")
    bench.take()
    before = len(faults.requests)
    assert bench.take().rows() == []
    assert len(faults.requests) - before == 3, "one page of the listing for each prefix"


def test_each_file_is_requested_once_and_parsed_once(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    fast = reading.fast_batches

    def counted(*given: Any) -> Iterator[Any]:
        for batch in fast(*given):
            parsed.append(len(batch.row_ids))
            yield batch

    monkeypatch.setattr(reading, "fast_batches", counted)
    for number in range(4):
        bench.put(
            export(orders(range(number * 10, number * 10 + 10))), f"orders-create/{number}.csv"
        )
    taken = bench.take()
    assert len(taken.rows()) == sum(parsed) == 40
    asked = [path for _, path in faults.requests if "/orders-create/" in path and "csv" in path]
    uploads = [path for method, path in faults.requests if method == "PUT" and "csv" in path]
    assert len(asked) - len(uploads) == 4


def csv_requests(faults: Faults) -> list[str]:
    """The files that were requested, in order."""
    return [
        path.rpartition("/")[2]
        for method, path in faults.requests
        if method == "GET" and path.endswith(".csv")
    ]


def test_the_next_file_is_requested_while_one_is_read_and_no_further_one(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_by: list[list[str]] = []
    fast = reading.fast_batches

    def watched(*given: Any) -> Iterator[Any]:
        give_up_at = time.monotonic() + 10
        expected = min(len(asked_by) + 2, 4)
        while len(csv_requests(faults)) < expected and time.monotonic() < give_up_at:
            time.sleep(0.01)
        asked_by.append(csv_requests(faults))
        yield from fast(*given)

    monkeypatch.setattr(reading, "fast_batches", watched)
    names = [f"{number}.csv" for number in range(4)]
    for number, name in enumerate(names):
        bench.put(export(orders([number])), f"orders-create/{name}")
    assert [row["orders_id"] for row in bench.take().rows()] == ["0", "1", "2", "3"]
    assert asked_by == [names[:2], names[:3], names, names]


def test_after_a_file_that_cannot_be_read_none_is_requested_ahead(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "UNREACHABLE_FILES", 2)
    for number in range(6):
        bench.put(export(orders([number])), f"orders-create/{number}.csv")
    broken = failure("400 Bad Request", "InvalidArgument")
    for number in range(1, 6):
        faults.plan("GET", f"orders-create/{number}.csv", broken)
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["0"]
    assert csv_requests(faults) == ["0.csv", "1.csv", "2.csv"]
    assert "3 more files of orders_create were not tried" in taken.failures[-1]


def test_cells_are_searched_one_by_one_only_where_their_column_needs_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    search = pc.match_substring_regex

    def counted(cells: Any, *given: Any, **more: Any) -> Any:
        searched.append(len(cells))
        return search(cells, *given, **more)

    monkeypatch.setattr(pc, "match_substring_regex", counted)
    rows = 1_000
    bench.put(export(orders(range(rows))))
    assert len(bench.take().rows()) == rows
    # of 129 columns the amounts, for their sum, and the masked card numbers, which are long; all
    # others by bytes, or as distinct texts
    assert sum(searched) < 2.2 * rows


def test_a_reader_that_gives_no_rows_without_an_error_is_caught(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row that marks the end of the file must be returned, or the tolerant reader is used."""
    from ingest.sources.s3_exports import batches

    monkeypatch.setattr(batches, "_parsed", lambda *_: iter(()))
    bench.put(export(orders(range(3))))
    taken = bench.take()
    assert len(taken.rows()) == 3
    assert taken.landings["orders_create"].totals[0].totals["rows"] == 3
    assert taken.landings["orders_create"].files[0].file_name == CREATE
