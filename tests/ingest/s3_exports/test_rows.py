"""Cells are loaded exactly as they are in the file."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ingest.privacy.policy import policy
from ingest.sources.s3_exports import batches, s3_exports
from ingest.sources.s3_exports import file as intake
from ingest.sources.s3_exports.batches import TolerantReader, fast_batches
from ingest.sources.s3_exports.csv_records import read_header
from ingest.sources.s3_exports.download import Content, stored
from ingest.sources.s3_exports.limits import ORDER_COLUMNS
from tests.ingest.s3_exports.conftest import CREATE, HEADER, Bench, export, order, orders


@pytest.fixture
def fast_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Valid content must not silently fall back to the slow reader."""

    def stop(*_: Any) -> None:
        raise AssertionError("the tolerant reader was called")

    monkeypatch.setattr(intake, "TolerantReader", stop)


@pytest.mark.usefixtures("fast_only")
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["CRLF", "LF", "CR"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"], ids=["", "BOM", "blank"])
def test_text_is_neither_cast_nor_trimmed_nor_split(bench: Bench, start: bytes, end: str) -> None:
    cells = {
        "billing_postcode": "01234",
        "notes": 'said "no",\nthen\r\nleft ',
        "product_name": "NULL",
        "product_sku": "NA",
        "c1": "9007199254740993",
        "c2": "1e5",
        "billing_city": "São Paulo \U0001f600",
        "total_amount": "$1,049.95",
        "chargeback_date": "0000-00-00 00:00:00",
        "offer_id": " 7 ",
    }
    bench.put(start + export([order(1, **cells), order(2)], end=end))
    first, second = bench.take().rows()
    assert {name: first[name] for name in cells} == cells
    assert second["notes"] is None
    assert second["order_status"] == "NEW"


@pytest.mark.usefixtures("fast_only")
def test_every_row_says_whose_it_is_and_where_it_stood(bench: Bench) -> None:
    bench.put(export(orders([5, 6])))
    bench.put(export(orders([7])), "orders-create/report_2026-11-17.csv")
    found = [
        (row["_client_id"], row["_file_name"], row["_row_id"], str(row["_file_date"]))
        for row in bench.take().rows()
    ]
    assert found == [
        ("713", "orders-create/report_2026-11-17.csv", 0, "2026-11-17"),
        ("713", CREATE, 0, "2026-11-18"),
        ("713", CREATE, 1, "2026-11-18"),
    ]


def test_a_column_empty_in_the_first_file_has_a_type(bench: Bench) -> None:
    bench.put(export(orders([1])))
    taken = bench.take()
    schema = taken.tables["orders_create"][0].schema
    assert all(schema.field(name).type == pa.string() for name in ("rma_date", "retries_left"))
    hints = s3_exports(pull=bench.pull()).resources["orders_create"].columns
    assert hints["rma_date"]["data_type"] == "text"


def test_names_of_columns_are_told_apart_whatever_their_spelling(bench: Bench) -> None:
    header = [" Orders ID ", "Order Date", "ORDER_STATUS", "totalAmount", "", "notes", "Notes",
              "_client_id", "_row id", "_dlt_id", "order__date"]  # fmt: skip
    rows = [dict(zip(header, map(str, range(11)), strict=True))]
    bench.put(export(rows, header))
    row = bench.take().rows()[0]
    named = {name: cell for name, cell in row.items() if cell is not None and name[0] != "_"}
    assert named == {
        "orders_id": "0",
        "order_date": "1",
        "order_status": "2",
        "total_amount": "3",
        "unnamed_5": "4",
        "notes": "5",
        "notes_2": "6",
        "csv_client_id": "7",
        "csv_row_id": "8",
        "csv_dlt_id": "9",
        "order_date_2": "10",
    }
    assert row["_client_id"] == "713"
    assert row["_row_id"] == 0


def test_other_letters_in_a_header_do_not_shift_the_rows(bench: Bench) -> None:
    bench.put("número,größe\nx,1\ny,2\n".encode(), "prospects-create/a.csv")
    bench.put("número,größe\nx,1\ny,2\nz\n".encode(), "prospects-create/b.csv")
    taken = bench.take()
    (one,) = taken.landings["prospects_create"].dead_letters
    assert one.line_number == 4
    for table in taken.tables["prospects_create"]:
        cells = [list(row.values())[:2] for row in table.to_pylist() if not row["_deleted"]]
        assert cells == [["x", "1"], ["y", "2"]]


def test_a_new_column_is_added_and_announced_once(bench: Bench) -> None:
    for day in (17, 18):
        rows = [order(day, **{"Upsell Depth": "2"})]
        bench.put(
            export(rows, [*HEADER, "Upsell Depth"]), f"orders-create/report_2026-11-{day}.csv"
        )
    taken = bench.take()
    assert [row["upsell_depth"] for row in taken.rows()] == ["2", "2"]
    assert len([said for said in taken.said if "upsell_depth" in said]) == 1
    bench.put(export([order(1, **{"Upsell Depth": "2"})], [*HEADER, "Upsell Depth"]))
    assert not [said for said in bench.take().said if "upsell_depth" in said]


def test_another_header_of_a_table_without_known_columns_is_announced_once(bench: Bench) -> None:
    for number, header in enumerate(["id,a", "id,a", "id,a,b", "id,a,b"]):
        bench.put(f"{header}\nx,y\n".encode(), f"prospects-create/{number}.csv")
        said = [line for line in bench.take().said if "header" in line]
        assert len(said) == (number == 2)


def test_a_file_with_fewer_columns_leaves_the_others_null(bench: Bench) -> None:
    header = ["orders_id", "order_date", "order_status", "total_amount"]
    bench.put(export(orders([1]), header))
    taken = bench.take()
    assert taken.failures == []
    assert taken.rows()[0].get("affid") is None


def test_columns_in_another_order_are_not_mixed_up(bench: Bench) -> None:
    bench.put(export(orders([1]), HEADER[::-1]))
    row = bench.take().rows()[0]
    assert (row["orders_id"], row["order_status"]) == ("1", "NEW")


def test_the_fingerprint_tells_headers_apart(bench: Bench) -> None:
    for key, header in (("a", HEADER), ("b", HEADER), ("c", [*HEADER, "new"])):
        bench.put(export(orders([1]), header), f"orders-create/{key}.csv")
    first, second, third = (file.header for file in bench.take().landings["orders_create"].files)
    assert first == second != third


def test_totals_are_exact_and_leave_out_what_is_no_plain_number(bench: Bench) -> None:
    amounts = ["0.1", "0.2", "-0.05", "100000000000.000000000000000001", "$5.00", "n/a", "", " 1"]
    bench.put(export([order(n, total_amount=amount) for n, amount in enumerate(amounts)]))
    landing = bench.take().landings["orders_create"]
    assert landing.totals[0].partition_key == CREATE
    assert landing.totals[0].day is None
    assert landing.totals[0].totals == {
        "rows": 8,
        "total_amount": Decimal("100000000000.250000000000000001"),
    }


def packed(content: bytes) -> bytes:
    """Compress as two consecutive gzip members."""
    return gzip.compress(content[:100]) + gzip.compress(content[100:])


@pytest.mark.usefixtures("fast_only")
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, packed])
def test_gzip_is_read_whatever_its_name_and_has_the_digest_of_its_content(
    bench: Bench, pack: Callable[[bytes], bytes], ending: str
) -> None:
    plain = export(orders(range(50)))
    bench.put(plain, "orders-update/plain.csv")
    bench.put(pack(plain), f"orders-create/report{ending}")
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == [str(n) for n in range(50)]
    digests = {landing.totals[0].digest for name, landing in taken.landings.items()
               if name != "prospects_create"}  # fmt: skip
    assert len(digests) == 1


def test_a_last_line_without_its_end_is_a_row(bench: Bench) -> None:
    bench.put(export(orders([1, 2])).rstrip(b"\r\n"))
    assert len(bench.take().rows()) == 2


def random_export(seed: int) -> bytes:
    """A valid file that uses everything CSV allows."""
    rng = random.Random(seed)
    alphabet = [
        "a",
        "é",
        "\U0001f600",
        " ",
        ",",
        '"',
        "\n",
        "\r",
        "\r\n",
        "'",
        "\t",
        "0",
        "\x0b",
        "\x85",
        "\u2028",
    ]
    end = rng.choice(["\r\n", "\n"])

    def cell() -> str:
        # with both, a cell may look like rows, which only the tolerant reader can distinguish
        barred = rng.choice([",", "\r\n"])
        marks = [mark for mark in alphabet if mark not in barred]
        text = "".join(rng.choices(marks, k=rng.choice([0, 0, 1, 3, 12])))
        must = any(mark in text for mark in ',"\r\n')
        if must or rng.random() < 0.2:
            return '"' + text.replace('"', '""') + '"'
        return text

    width = rng.randint(2, 6)
    lines = [",".join(f"c{number}" for number in range(width))]
    lines += [",".join(cell() for _ in range(width)) for _ in range(rng.randint(0, 40))]
    blank = end * rng.choice([0, 1, 2])
    return (end.join(lines) + rng.choice([end, end + blank])).encode()


def read_both(content: Content) -> tuple[list[Any], list[Any]]:
    """The rows from the fast and from the tolerant reader."""
    header = read_header(content, "other")
    tolerant = TolerantReader(content, header, "x", policy("s3_exports", "other", "713"))
    found = []
    for parts in (
        fast_batches(content, header),
        tolerant.batches(),
    ):
        rows: list[Any] = []
        for part in parts:
            columns = [part.columns[name].to_pylist() for name in header.names]
            rows += zip(part.row_ids.to_pylist(), *columns, strict=True)
        found.append(rows)
    assert tolerant.dead_letters == []
    return found[0], found[1]


def test_both_readers_give_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1 << 10)  # quoted newlines at the edges of blocks
    count = 0
    for seed in range(300):
        with stored([random_export(seed)]) as content:
            fast, tolerant = read_both(content)
        assert fast == tolerant, seed
        count += len(fast)
    assert count > 3_000


def test_a_line_end_within_a_cell_survives_the_edge_of_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1 << 10)
    for size in range(900, 1_100):
        text = "n" * size + "\r\nend"
        with stored([f'id,text\r\n1,"{text}"\r\n2,\r\n'.encode()]) as content:
            header = read_header(content, "other")
            found = [
                cell
                for part in fast_batches(content, header)
                for cell in part.columns["text"].to_pylist()
            ]
        assert found == [text, None], size


def test_the_known_header_is_the_whole_of_it() -> None:
    assert len(ORDER_COLUMNS) == len(set(ORDER_COLUMNS)) == 129
