"""Checks on counts that reveal repeated work, or a reader that silently drops rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.sources.s3_exports import file as reading
from tests.ingest.s3_exports.conftest import CREATE, Bench, Faults, export, orders


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
