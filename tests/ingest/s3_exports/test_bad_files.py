"""Invalid rows and files: what is lost is reported, the rest loads."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from ingest.sources.s3_exports import download as content_module
from ingest.sources.s3_exports.limits import MAX_CELL_BYTES, MAX_COLUMNS
from tests.ingest.s3_exports.conftest import (
    CREATE,
    HEADER,
    Bench,
    Taken,
    export,
    line,
    order,
    orders,
)

WIDTH = len(HEADER)
HUGE = b"N" * (MAX_CELL_BYTES + 1)
TAR = b"orders.csv".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 248
PACKED = gzip.compress(b"x" * 999)


def lines(count: int) -> list[bytes]:
    """Header and rows of a valid file, each with its line ending."""
    return export(orders(range(count))).splitlines(keepends=True)


def short(row: bytes) -> bytes:
    return row.rsplit(b",", 1)[0] + b"\r\n"


def refusal(taken: Taken) -> str:
    """The only failure; checks that none of the file was loaded."""
    assert taken.tables["orders_create"] == []
    landing = taken.landings["orders_create"]
    assert landing.totals == []
    assert landing.dead_letters == []
    assert [file.status for file in landing.files] == ["refused"]
    (failure,) = taken.failures
    assert "713" in failure
    assert CREATE in failure
    assert landing.files[0].reason in failure
    return failure


def waiting(taken: Taken) -> str:
    """Why the only file is deferred; checks that none of it was loaded."""
    assert taken.tables["orders_create"] == []
    assert taken.failures == []
    (file,) = taken.landings["orders_create"].files
    assert file.status == "waiting"
    assert taken.landings["orders_create"].totals == []
    return file.reason


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(lambda row: short(row), f"{WIDTH - 1} cells instead of {WIDTH}", id="short"),
        pytest.param(lambda row: b"x," + row, f"{WIDTH + 1} cells instead of {WIDTH}", id="long"),
        pytest.param(lambda row: row.replace(b"NEW", b"N\xe9W"), "not UTF-8", id="bytes"),
        pytest.param(lambda row: row.replace(b"NEW", b"N\0W"), "NUL", id="NUL"),
        pytest.param(lambda row: row.replace(b"NEW", HUGE), "1 MB", id="huge"),
        pytest.param(lambda row: row.replace(b"NEW", b'"NEW'), "never closes", id="open quote"),
    ],
)  # fmt: skip
def test_a_bad_row_is_kept_aside_with_its_line_and_the_rest_loads(
    bench: Bench, bad: object, reason: str
) -> None:
    found = lines(20)
    found[3] = bad(found[3])  # type: ignore[operator]
    found[2] = found[2].replace(b"NEW", b'"two\r\nlines"')  # line numbers count lines of the file
    bench.put(b"".join(found))
    taken = bench.take()
    (letter,) = taken.landings["orders_create"].dead_letters
    assert (letter.partition_key, letter.line_number) == (CREATE, 5)
    assert reason in letter.reason
    assert [row["_row_id"] for row in taken.rows()] == [0, 1, *range(3, 20)]
    assert [row["orders_id"] for row in taken.rows()] == ["0", "1", *map(str, range(3, 20))]
    landing = taken.landings["orders_create"]
    assert landing.totals[0].totals["rows"] == 19
    assert (landing.files[0].row_count, landing.files[0].rejected_rows) == (19, 1)
    assert taken.failures == []


def test_a_sound_file_is_the_same_beside_a_bad_row(bench: Bench) -> None:
    rows = [order(n, notes='a "b",\n c' if n % 3 else "", c1="é") for n in range(30)]
    bench.put(export(rows))
    bench.put(export(rows) + b"one cell\r\n", "orders-create/other_2026-11-18.csv")
    other, plain = [], []
    for row in bench.take().rows():
        (plain if row.pop("_file_name") == CREATE else other).append(row)
    assert len(plain) == 30
    assert plain == other


def test_what_is_kept_of_a_bad_row_is_nobodys_secret(bench: Bench) -> None:
    found = lines(5)
    private = order(2, billing_fname="Zebedee", billing_phone="5125550199", ip_address="10.9.8.7",
                    billing_street_address="9 Elm", cc_expires="0931", billing_email="z@x.org",
                    notes="paid 4111111111111111 by phone", order_status="N\0EW",
                    c1="sent to ann.lee@x.org",
                    descriptor="x" * 188 + " 5555555555554444")  # fmt: skip
    row = export([private]).splitlines(keepends=True)[1]
    found[2] = row
    found[3] = short(row.replace(b"\0", b""))
    bench.put(b"".join(found))
    taken = bench.take()
    nul, ragged = (json.loads(one.payload) for one in taken.landings["orders_create"].dead_letters)
    assert nul["kept"]["orders_id"] == "2"
    assert nul["kept"]["notes"] == "paid *** by phone"
    assert nul["kept"]["c1"] == "sent to ***"
    assert nul["kept"]["order_status"] == "N\ufffdEW"
    assert ragged == {"cells": WIDTH - 1, "expected": WIDTH, "kept": {"orders_id": "2"}}
    for secret in (
        "Zebedee",
        "5125550199",
        "10.9.8.7",
        "9 Elm",
        "0931",
        "@x.org",
        "4111111",
        "55555",
    ):
        assert secret not in taken.everything


@pytest.mark.parametrize(("bad", "of", "is_refused"), [
    (5, 20, False), (6, 20, True), (10, 1_000, False), (11, 1_000, True),
])  # fmt: skip
def test_one_row_in_a_hundred_may_be_bad_and_a_few_in_a_small_file(
    bench: Bench, bad: int, of: int, is_refused: bool
) -> None:
    header = ["orders_id", "order_date", "order_status", "total_amount"]
    rows = [b"just one\n"] * bad + [b"1,2,3,4\n"] * (of - bad)
    bench.put(line(header) + b"".join(rows))
    taken = bench.take()
    if is_refused:
        assert f"{bad} of {of:,} rows are bad (line 2: 1 cell instead of 4;" in refusal(taken)
    else:
        assert len(taken.landings["orders_create"].dead_letters) == bad
        assert len(taken.rows()) == of - bad


def test_more_than_a_thousand_bad_rows_are_too_many_for_any_file(bench: Bench) -> None:
    rows = [b"just one\n"] * 1_001 + [b"1,2,3,4\n"] * 110_000
    bench.put(b"orders_id,order_date,order_status,total_amount\n" + b"".join(rows))
    assert "more than 1,000 of its rows are bad" in refusal(bench.take())


def test_a_refused_file_keeps_its_earlier_rows(bench: Bench) -> None:
    bench.put(export(orders([1])))
    bench.take()
    bench.put(b"orders_id,order_date,order_status\r\n1,2,3\r\n")
    assert "its header lacks total_amount" in refusal(bench.take())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "empty", id="0 bytes"),
        pytest.param(b"\xef\xbb\xbf\r\n", "empty", id="only a mark"),
        pytest.param(gzip.compress(b""), "empty", id="empty gzip"),
        pytest.param(export([])[:-10], "header", id="half a header"),
        pytest.param(b"".join(lines(9))[:-30], "within line 10", id="half a row"),
        pytest.param(
            b"".join(lines(9)).replace(b"NEW", b'"two\nlines"')[:-30], "within line 18",
            id="half a row after rows of two lines",
        ),
        pytest.param(b"".join(lines(9)) + b'9,"half a', "quoted cell of line 11", id="half a cell"),
        pytest.param(
            b"".join(lines(9))[:-2] + b'"half a last cell\r\n', "quoted cell of line 10",
            id="half a last cell of a full row",
        ),
        pytest.param(gzip.compress(b"".join(lines(500)))[:-9], "gzip is cut", id="half a gzip"),
        pytest.param(gzip.compress(b"".join(lines(5)))[:15], "gzip is cut", id="start of a gzip"),
    ],
)  # fmt: skip
def test_a_file_that_is_cut_off_waits_and_loads_nothing(
    bench: Bench, content: bytes, reason: str
) -> None:
    bench.put(content)
    assert reason in waiting(bench.take())


def bomb() -> bytes:
    return gzip.compress(export([]) + b"0," * (40 << 20))


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"1," * WIDTH + b"\r\n" + b"".join(lines(3)[1:]), "not a header", id="bare"),
        pytest.param(b"a@x.org,Ann Lee\r\nb@x.org,Bo\r\n", "not a header", id="headless people"),
        pytest.param(b"<html><body>Not found</body></html>\n", "not a header", id="a page"),
        pytest.param(export([]).decode().encode("utf-16"), "UTF-16", id="UTF-16"),
        pytest.param(b"orders_id,n\xe4me\r\n1,2\r\n", "not UTF-8", id="Latin-1 header"),
        pytest.param(b"PK\x03\x04" + b"x" * 100, "zip archive", id="zip"),
        pytest.param(b"\xd0\xcf\x11\xe0" + b"x" * 100, "an Excel workbook", id="xls"),
        pytest.param(b"PAR1" + b"x" * 100, "a Parquet file", id="Parquet"),
        pytest.param(b"%PDF-1.7\n" + b"x" * 100, "a PDF", id="PDF"),
        pytest.param(gzip.compress(TAR), "a tar archive", id="tar in gzip"),
        pytest.param(gzip.compress(gzip.compress(b"x")), "gzip within gzip", id="nested gzip"),
        pytest.param(PACKED[:-8] + b"\0" * 8, "gzip is broken", id="bad checksum"),
        pytest.param(bomb(), "expands more than 200 times", id="gzip bomb"),
        pytest.param(b",".join([b"c"] * (MAX_COLUMNS + 1)) + b"\n", "2,001 columns", id="wide"),
        pytest.param(b"h" * (MAX_CELL_BYTES + 9), "does not end", id="endless header"),
        pytest.param(export([]) + b"x" * (9 << 20), "a line of more than 8 MB", id="endless line"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused_with_its_reason(
    bench: Bench, content: bytes, reason: str
) -> None:
    bench.put(content)
    failure = refusal(bench.take())
    assert reason in failure
    assert "a@x.org" not in failure


@pytest.mark.fault(27)
def test_a_bomb_is_stopped_long_before_it_is_expanded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    expanded = 0
    real = zlib.decompressobj

    class Counting:
        def __init__(self, wbits: int) -> None:
            self._real = real(wbits=wbits)

        def decompress(self, data: bytes, limit: int) -> bytes:
            nonlocal expanded
            found = self._real.decompress(data, limit)
            expanded += len(found)
            return found

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

    monkeypatch.setattr(content_module.zlib, "decompressobj", Counting)
    bench.put(bomb())
    refusal(bench.take())
    assert 0 < expanded <= (16 << 20) + (1 << 20)


def test_one_bad_file_does_not_stop_the_others(bench: Bench) -> None:
    bench.put(b"PK\x03\x04", "orders-create/a.csv")
    bench.put(b"", "orders-create/b.csv")
    bench.put(export(orders([1])), "orders-create/c.csv")
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["1"]
    assert len(taken.failures) == 1


@pytest.mark.parametrize("second", [101, 102, 200], ids=["next row", "next but one", "far"])
def test_stray_quotes_cost_their_own_rows_only(bench: Bench, second: int) -> None:
    # two stray quotes in one column merge all rows between them into one row of the right width
    found = lines(300)
    for number in (100, second):
        found[number] = found[number].replace(b"NEW", b'"NEW')
    bench.put(b"".join(found))
    taken = bench.take()
    letters = taken.landings["orders_create"].dead_letters
    assert [one.line_number for one in letters] == [101, second + 1]
    assert len(taken.rows()) == 298


@pytest.mark.parametrize("second", [101, 102, 110])
def test_two_stray_quotes_that_are_valid_csv_swallow_no_row(bench: Bench, second: int) -> None:
    # opened at the start of a cell and closed at the end of one: CSV allows what is between
    found = lines(300)
    found[100] = found[100].replace(b"NEW", b'"NEW')
    found[second] = found[second].replace(b"NEW", b'NEW"')
    bench.put(b"".join(found))
    taken = bench.take()
    letters = taken.landings["orders_create"].dead_letters
    assert [one.line_number for one in letters] == [101]
    assert len(taken.rows()) == 299


@pytest.mark.parametrize("is_padded", [True, False], ids=["padded column", "ids of letters"])
def test_two_such_quotes_swallow_no_odd_row(bench: Bench, is_padded: bool) -> None:
    header = b"orders_id,total_amount,order_date,order_status,c,note,d,e,city,f,g,h\n"
    id_ = b"" if is_padded else b"A-"
    city = b" Austin" if is_padded else b"Austin"
    row = b"%s%d,10.00,11/18/2026,NEW,x,%s,x,x,%s,x,x,x\n"
    notes = {1: b'"n', 8: b'n"'}
    rows = [row % (id_, number, notes.get(number, b"n"), city) for number in range(12)]
    bench.put(header + b"".join(rows))
    taken = bench.take()
    assert [one.line_number for one in taken.landings["orders_create"].dead_letters] == [3]
    assert len(taken.rows()) == 11


def test_two_such_quotes_swallow_no_prospect(bench: Bench) -> None:
    found = [b"prospects_id,state,note\n", *(b"%d,TX,b\n" % number for number in range(30))]
    found[11] = b'10,"TX,b\n'
    found[14] = b'13,TX",b\n'
    bench.put(b"".join(found), "prospects-create/a.csv")
    taken = bench.take()
    letters = taken.landings["prospects_create"].dead_letters
    assert [one.line_number for one in letters] == [12]
    assert len(taken.rows("prospects_create")) == 29


def test_an_end_mark_behind_the_last_line_is_no_row(bench: Bench) -> None:
    for number, mark in enumerate((b"\x1a", b"\0\0\0", b" \t")):
        bench.put(b"".join(lines(3)) + mark, f"orders-create/{number}_2026-11-18.csv")
    taken = bench.take()
    assert len(taken.rows()) == 9
    landing = taken.landings["orders_create"]
    assert (landing.dead_letters, taken.failures) == ([], [])


def test_a_stray_quote_in_a_narrow_file_costs_its_own_rows_only(bench: Bench) -> None:
    found = [b"id,name,note\n", *(b"%d,a,b\n" % number for number in range(30))]
    found[11] = b'10,"a,b\n'
    found[21] = b'20,"a,b\n'
    bench.put(b"".join(found), "prospects-create/a.csv")
    bench.put(
        b'id,name,note\n7,a,"Ship to:\n12, Main St, NY"\n1,a,"a, b,\nc, d, e"\n',
        "prospects-create/b.csv",
    )
    taken = bench.take()
    letters = taken.landings["prospects_create"].dead_letters
    assert [one.line_number for one in letters] == [12, 22]
    assert len(taken.rows("prospects_create")) == 30
    notes = [row["note"] for row in taken.rows("prospects_create")[-2:]]
    assert notes == ["Ship to:\n12, Main St, NY", "a, b,\nc, d, e"]


def test_a_cell_below_the_limit_is_sound_for_either_reader(bench: Bench) -> None:
    notes = "n" * 300_000
    bench.put(export([order(1, notes=notes)]))
    bench.put(export([order(1, notes=notes)]) + b"one cell\r\n", "orders-update/a.csv")
    taken = bench.take()
    assert taken.rows()[0]["notes"] == taken.rows("orders_update")[0]["notes"] == notes


@pytest.mark.parametrize(
    "text",
    [
        "a list\nof " + "one, " * WIDTH,
        "\n1 for ann" + ", bob" * (WIDTH - 1),
        "\n12" + ", Main St" * (WIDTH - 1),
        "\n" + "," * (WIDTH - 1) + "\n",
    ],
)
def test_a_text_with_as_many_commas_as_a_row_is_no_stray_quote(bench: Bench, text: str) -> None:
    bench.put(export([order(1, notes=text), order(2)]))
    taken = bench.take()
    assert [row["notes"] for row in taken.rows()] == [text, None]
    assert taken.landings["orders_create"].dead_letters == []
