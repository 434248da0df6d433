"""Hostile content: whatever the bytes, a file is read exactly, deferred, or refused."""

from __future__ import annotations

import gzip
import io
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.privacy.rows import Protection
from ingest.sources.s3_exports.batches import TolerantReader, fast_batches
from ingest.sources.s3_exports.csv_records import read_header
from ingest.sources.s3_exports.download import stored
from ingest.sources.s3_exports.limits import AbnormalError
from tests.ingest.s3_exports.conftest import Bench, export, orders
from tests.ingest.s3_exports.reading import read_bytes

PROPERTY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
PIECES = st.sampled_from(
    [b"a", b"1", b",", b"\n", b"\r", b"\r\n", b'"', b'""', b"\0", b"\xff", b"\xef\xbb\xbf", b";",
     b"orders_id,state\n", b"1,TX\n", b"Total,\n", b"\xc3\xa9", b"\t", b"=1+1", b"\\."]
)  # fmt: skip


@PROPERTY
@given(st.lists(PIECES, max_size=40))
def test_any_bytes_are_read_or_refused_in_words(pieces: list[bytes]) -> None:
    rows = read_bytes(b"".join(pieces))
    assert len({len(row) for row in rows}) <= 1, "every row has the header's width"


@PROPERTY
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=12), st.booleans())
def test_both_readers_give_what_was_written(rows: list[list[str]], is_quoted: bool) -> None:
    import csv

    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if is_quoted else csv.QUOTE_MINIMAL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    wanted = [[cell or None for cell in row] for row in rows]
    with stored([text.getvalue().encode()]) as content:
        header = read_header(content, "other")
        policy = Protection("s3_exports", "orders_create", "713").policy
        reader = TolerantReader(content, header, "x.csv", policy)
        slow = [list(row) for one in reader.batches() for row in zip(*columns(one), strict=True)]
        if not reader.dead_letters:
            assert slow == wanted
        try:
            fast = fast_batches(content, header)
            found = [list(row) for one in fast for row in zip(*columns(one), strict=True)]
        except AbnormalError:
            return
        assert found == wanted


def columns(batch: object) -> list[list[str | None]]:
    """The cells of a batch, column by column."""
    return [cells.to_pylist() for cells in batch.columns.values()]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(gzip.compress(b"\0" * (60 << 20)), "expands more than", id="bomb"),
        pytest.param(
            b"orders_id," + b"x" * (9 << 20), "a line of more than", id="a header without end"
        ),
        pytest.param(export([]) + b"1" * (9 << 20), "a line of more than", id="a line without end"),
        pytest.param(export([]) + b'"' + b"1\n" * (5 << 20), "rows are bad", id="a quote"),
        pytest.param(b"\xff\xfe" + "orders_id".encode("utf-16-le"), "UTF-16", id="UTF-16"),
        pytest.param(b"orders_id,\xff\xfe\n1,2\n", "not UTF-8", id="a header that is not UTF-8"),
    ],
)
def test_hostile_content_is_refused_quickly_and_the_others_load(
    bench: Bench, content: bytes, reason: str
) -> None:
    bench.put(content, "orders-create/hostile.csv")
    bench.put(export(orders([1])))
    began = time.process_time()
    taken = bench.take()
    assert time.process_time() - began < 60
    assert [row["orders_id"] for row in taken.rows()] == ["1"]
    said = " ".join([*taken.failures, *taken.said])
    assert reason in said


def test_formulas_markup_and_paths_are_text(bench: Bench) -> None:
    cells = ("=HYPERLINK(1)", "<script>", "../../etc/passwd", "'; drop table x", "<!channel>")
    bench.put(export([{**orders([1])[0], "c1": cell} for cell in cells]))
    assert [row["c1"] for row in bench.take().rows()] == list(cells)
