"""Order exports from spreadsheets or other shops: nothing is guessed or silently lost."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Literal

import pytest

from ingest.sources.s3_exports.checks import AMOUNT, ISO_DATE, US_DATE
from signalroom.paths import root
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

PROSPECTS = "prospects-create/2026-11-18.csv"


def refusal(taken: Taken, table: str = "orders_create") -> str:
    """Why the only file is refused; checks that none of it was loaded."""
    assert taken.tables[table] == []
    (file,) = taken.landings[table].files
    assert file.status == "refused"
    (failure,) = taken.failures
    assert file.file_name in failure
    return failure


@pytest.mark.parametrize(
    ("column", "text"),
    [
        *(("order_date", text) for text in ("3/10/26", "10-Mar-2026", "Mar 10, 2026", "46091",
                                            "2026/03/10", "10.03.2026", "20260310", "02/30/2026",
                                            "2026-02-29", "4/31/2026 10:15 AM")),
        *(("total_amount", text) for text in ("USD 50.00", "50.00 USD", "n/a", "5 0.00", "(50.00",
                                              "50.00)", "$ 50.00", "50.00-")),
        *(("refund_date", text) for text in ("soon", "10-Mar-2026")),
        ("is_test_cc", "maybe"),
        *(("affid", text) for text in ("17;18", "none", "1.7")),
        ("rebill_depth", "first"),
        *(("order_status", text) for text in ("APPROVED", "7")),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_read_is_counted_and_reported_with_the_file(
    bench: Bench, column: str, text: str
) -> None:
    bench.put(export([*orders(range(9)), order(10, **{column: text}), order(11, **{column: text})]))
    taken = bench.take()
    assert len(taken.rows()) == 11, "raw holds what the file holds"
    (file,) = taken.landings["orders_create"].files
    assert file.reason == f"values that cannot be read: 2 of {column} (of 11 rows)"
    assert [said for said in taken.said if CREATE in said and file.reason in said]
    assert taken.failures == []


@pytest.mark.parametrize(
    "text",
    ["03/10/2026", "3/1/2026 10:15 AM", "2026-03-10", "2026-03-10T15:02:03Z", "", "0000-00-00",
     "0000-00-00 00:00:00", " 11/18/2026\u00a0"],
)  # fmt: skip
def test_the_usual_notations_are_no_news(bench: Bench, text: str) -> None:
    bench.put(export([order(1, refund_date=text, refund_amount="($1,049.95)", void_amount="-$5")]))
    taken = bench.take()
    assert taken.landings["orders_create"].files[0].reason == ""
    assert not [said for said in taken.said if CREATE in said]


def test_an_order_without_a_date_is_counted(bench: Bench) -> None:
    bench.put(export([order(1), order(2, order_date="")]))
    assert bench.take().landings["orders_create"].files[0].reason == (
        "1 row without order_date (of 2 rows)"
    )


MARKED = (
    *("1001.0 ", "(1001)", "+1001", "\t'1001", "1001\u200b", "\u200e1001", "\u201c1001\u201d"),
    *("\u02bc1001", "\uff11\uff10\uff10\uff11", "1\u0660\u0660\u0661"),
)


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        *(("order_date", text, "day first") for text in ("13/03/2026", "31-12-2026", "13.3.26")),
        ("refund_date", "13/03/2026 10:15", "day first"),
        ("refund_date", "2026-13-03", "day first"),
        *(("total_amount", text, "decimal comma") for text in ("1.049,95", "50,00", "$5,5",
                                                              "1.049.950")),
        *(("total_amount", text, "another currency") for text in ("€50.00", "50.00 EUR", "£5",
                                                                  "CA$ 5.00", "kr 50", "₹500")),
        ("refund_amount", "CAD 1", "another currency"),
        ("currency", "EUR", "another currency"),
        *(("orders_id", text, "a spreadsheet") for text in ("1001.0", "1.0E+3", "1,001", "'1001",
                                                         "1.001", "1 001", "1001,00", "\u20191001",
                                                         '="1001"', "6,5E+23")),
        *(("orders_id", text, "a spreadsheet") for text in MARKED),
        *(("affid", text, "a spreadsheet") for text in ("17.0", "1E+2")),
    ],
)  # fmt: skip
def test_a_notation_that_can_be_read_in_two_ways_refuses_the_file(
    bench: Bench, column: str, text: str, reason: str
) -> None:
    header = HEADER if column in HEADER else [*HEADER, column]
    bench.put(export([*orders(range(20)), {**order(21), column: text}], header))
    assert reason in refusal(bench.take())


@pytest.mark.parametrize(
    "text", ["05/03/2027", "5/3/2027 9:15 AM", "2027-05-03", "2027-05-03T09:15"]
)
@pytest.mark.parametrize("column", ["order_date", "refund_date"])
def test_a_day_yet_to_come_that_is_none_the_other_way_is_not_guessed(
    bench: Bench, column: str, text: str
) -> None:
    """The fifth of March, in a file from that week: without a day above twelve it is ambiguous."""
    name = "orders-create/report_2027-03-06T1849_ab12.csv"
    bench.put(export([order(1, order_date="03/05/2027"), order(2, **{column: text})]), name)
    assert "days after 2027-03-07" in refusal(bench.take())


@pytest.mark.parametrize("column", ["order_date", "refund_date", "chargeback_date"])
@pytest.mark.parametrize(
    "text", ["11/18/2126", "11/18/2126 9:30 AM", "2126-11-18T09:30:00", "01/01/1970", "12/31/1999"]
)
def test_a_day_that_no_order_can_have_is_counted_and_told(
    bench: Bench, column: str, text: str
) -> None:
    """A day a century ahead would be in no report, and no one would notice."""
    name = "orders-create/report_2027-03-06T1849_ab12.csv"
    rows = [*orders(range(9)), order(10, **{column: text}), order(11, **{column: text})]
    bench.put(export(rows), name)
    taken = bench.take()
    assert len(taken.rows()) == 11
    (file,) = taken.landings["orders_create"].files
    assert file.reason == f"days before 2000-01-01 or after 2027-03-07: 2 of {column} (of 11 rows)"
    assert [said for said in taken.said if name in said and file.reason in said]


def test_a_date_of_zeros_is_no_date_of_an_order(bench: Bench) -> None:
    days = ("0000-00-00", " 00/00/0000 00:00:00", "", "11/18/2026")
    bench.put(export([order(n, order_date=day) for n, day in enumerate(days)]))
    taken = bench.take()
    reason = "3 rows without order_date (of 4 rows)"
    assert taken.landings["orders_create"].files[0].reason == reason
    assert [said for said in taken.said if CREATE in said and reason in said]


def test_an_instant_of_another_business_day_is_told(bench: Bench) -> None:
    days = ("2026-11-18T02:15:00Z", "2026-11-18 23:30:00-08:00", "2026-11-18T12:00:00+00:00",
            "2026-11-18T23:00:00", "2026-11-18 03:00:00 +0000", "2026-11-18T00:00:00Z")  # fmt: skip
    bench.put(export([order(n, order_date=day) for n, day in enumerate(days)]))
    assert bench.take().landings["orders_create"].files[0].reason == (
        "instants of another day in America/New_York, counted as written: 3 of order_date"
        " (of 6 rows)"
    )


def test_an_id_unlike_the_others_is_told(bench: Bench) -> None:
    other = [order(2, orders_id="#2"), order(4, orders_id="A-4")]
    bench.put(export([order(1), other[0], order(3)]))
    bench.put(export(other), "orders-create/z_2026-11-19.csv")
    mixed, named = bench.take().landings["orders_create"].files
    assert (mixed.reason, named.reason) == (
        "ids unlike the others: 1 of orders_id (of 3 rows)",
        "",
    )


@pytest.mark.parametrize("text", ["11/18/0026", "0026-11-18", "11/18/3026"])
def test_a_year_that_cannot_be_read_is_counted_once(bench: Bench, text: str) -> None:
    bench.put(export([*orders(range(9)), order(10, order_date=text)]))
    (file,) = bench.take().landings["orders_create"].files
    assert file.reason == "values that cannot be read: 1 of order_date (of 10 rows)"


@pytest.mark.parametrize("text", ["03/04/2027", "03/07/2027", "12/31/2027", "03/03/2028"])
def test_a_day_that_is_no_other_notation_refuses_no_file(bench: Bench, text: str) -> None:
    name = "orders-create/report_2027-03-06T1849_ab12.csv"
    bench.put(export([order(1, order_date="03/05/2027", refund_date=text)]), name)
    assert len(bench.take().rows()) == 1


def test_an_export_that_names_our_currency_is_read(bench: Bench) -> None:
    names = ("USD", "", "US Dollar", "usd ", "840", "$")
    rows = [order(number, currency=name) for number, name in enumerate(names)]
    bench.put(export(rows, [*HEADER, "currency"]))
    assert bench.take().landings["orders_create"].files[0].reason == ""


def test_a_subtotal_that_has_a_date_is_told(bench: Bench) -> None:
    bench.put(export([*orders(range(9)), order(9, order_status="")]))
    reason = bench.take().landings["orders_create"].files[0].reason
    assert reason == "1 row without order_status (of 10 rows)"


def test_a_column_that_went_missing_is_told_once(bench: Bench) -> None:
    """Without is_test_cc every test card counts as business, and no one would notice."""
    header = [name for name in HEADER if name not in ("is_test_cc", "refund_amount")]
    bench.put(export(orders([1]), header))
    said = [line for line in bench.take().said if "has no" in line]
    assert len(said) == 1
    assert f"{CREATE} has no refund_amount, is_test_cc; to reports they are blank" in said[0]
    bench.put(export(orders([2]), header), "orders-create/next_2026-11-19.csv")
    assert not [line for line in bench.take().said if "has no" in line]


def total(**cells: str) -> bytes:
    """A totals line."""
    return line([cells.get(name, "") for name in HEADER])


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        pytest.param(line(HEADER), "the header again", id="header"),
        pytest.param(total(orders_id="Total", total_amount="99.90"), "no orders_id", id="total"),
        pytest.param(total(order_date="11/18/2026", afid="9"), "no orders_id", id="blank"),
        pytest.param(
            total(orders_id="2", total_amount="99.90"), "neither order_date nor", id="count"
        ),
        pytest.param(
            total(orders_id="Total: 2 orders", order_date="11/18/2026"), "no orders_id", id="words"
        ),
        pytest.param(line([name.upper() for name in HEADER]), "the header again", id="capitals"),
        pytest.param(b"\xef\xbb\xbf" + line(list(HEADER)), "the header again", id="joined file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["middle", "end"])
def test_a_line_that_is_no_order_is_kept_aside(
    bench: Bench, odd: bytes, reason: str, place: str
) -> None:
    first, *rest = export(orders([1, 2])).splitlines(keepends=True)
    rest.insert(1 if place == "middle" else 2, odd)
    bench.put(first + b"".join(rest))
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["1", "2"]
    landing = taken.landings["orders_create"]
    (letter,) = landing.dead_letters
    assert reason in letter.reason
    assert letter.line_number == (3 if place == "middle" else 4)
    assert json.loads(letter.payload)["cells"] == len(HEADER)
    assert landing.totals[0].totals["rows"] == 2
    assert taken.failures == []


def test_a_second_header_in_another_order_refuses_the_file(bench: Bench) -> None:
    """The rows below it have a different column order: two exports were joined."""
    turned = [HEADER[-1], *HEADER[:-1]]
    other = export([order(9)], turned)
    bench.put(export(orders(range(300))) + other)
    assert "it contains a second header" in refusal(bench.take())


@pytest.mark.parametrize(
    ("amounts", "is_told"),
    [
        (["1.049", "2.500", ""], True),
        (["$1.049", "(1.200)"], True),
        (["1.049", "49.95"], False),
        (["1.049", "12345.000"], False),
        (["0.500", "0.049"], False),
        (["1,049", "1,200"], False),
    ],
)
def test_thousands_with_a_point_are_not_guessed(
    bench: Bench, amounts: list[str], is_told: bool
) -> None:
    bench.put(export([order(number, total_amount=text) for number, text in enumerate(amounts, 1)]))
    taken = bench.take()
    if is_told:
        assert "total_amount has amounts like 1.049" in refusal(taken)
    else:
        assert len(taken.rows()) == len(amounts)


def test_empty_lines_of_a_spreadsheet_are_none(bench: Bench) -> None:
    bench.put(export(orders([1])) + line([""] * len(HEADER)) * 30)
    taken = bench.take()
    assert [(row["orders_id"], row["_row_id"]) for row in taken.rows()] == [("1", 0)]
    assert taken.landings["orders_create"].dead_letters == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("prospects_id;first_name;last_name\n1;Ann;Garcia\n", "semicolons"),
        ("prospects_id\tlast_name\tstate\n2\tGarcia\tTX\n", "tabs"),
        ("prospects_id|last_name\n2|Garcia\n", "vertical bars"),
        ("prospects_id;city,last_name\n2;Austin,Garcia\n", "semicolons"),
        ("prospects_id^last_name\n2^Garcia\n", "carets"),
        ("prospects_id~last_name,state\n2~Garcia,TX\n", "tildes"),
        ("prospects_id\x1flast_name,e\n2\x1fGarcia,e\n", "control characters"),
        ("prospects_id\uff0clast_name,e\n2\uff0cGarcia,e\n", "commas of another script"),
        ("prospects_id/last_name,state\n2/Garcia,TX\n", "run together"),
        ("'prospects_id','last_name'\n'2','Garcia'\n", "apostrophes"),
        ("prospects_id','last_name','state\n2','Garcia','TX\n", "apostrophes"),
        ("\u2018prospects_id\u2019,\u2018last_name\u2019\n2,Garcia\n", "apostrophes"),
        ("Prospects,of November\nprospects_id,last_name\n2,Garcia\n", "not its first line"),
        ("sep=,\nprospects_id,last_name\n2,Garcia\n", "not a header"),
        ('[{"prospects_id":1,"last_name":"Garcia"}]\n', "not a header"),
        ("prospects_id,last_name,state\n1;Garcia;TX\n2;Garcia;TX\n", "2 of 2 rows are bad"),
        ("prospects_id,last_name,state\n1,Garcia, Jr,TX\n2,Garcia, Sr,TX\n", "2 of 2 rows are bad"),
        ("prospects_id,state\n1.0,TX\n", "a spreadsheet"),
        ("prospects_id,prospect_date\n1,13/03/2026\n", "day first"),
    ],
)
def test_a_name_of_a_prospect_never_arrives_because_a_separator_was_missed(
    bench: Bench, content: str, reason: str
) -> None:
    bench.put(content.encode(), PROSPECTS)
    taken = bench.take()
    assert reason in refusal(taken, "prospects_create")
    assert "Garcia" not in taken.everything


@pytest.mark.parametrize(
    "names",
    [
        ["Name", "First\u200bName", "LastName", "FName", "L_Name", "surname", "Fullname"],
        ["given name", "Nombre", "Apellidos", "Correo electrónico", "Dirección", "Teléfono"],
        ["Prénom", "NOM", "Adresse", "Courriel", "Téléphone", "Nome", "Sobrenome", "Cognome"],
        ["Vorname", "Nachname", "Straße", "Telefonnummer", "Geburtsdatum", "Endereço", "voornaam"],
        ["Adres", "Straat", "Telefoonnummer", "Geboortedatum", "Móvil", "Telemóvel", "Cellulare"],
        ["Portable", "Tél", "Tel", "GSM", "Rua", "Rue", "Morada", "Data di nascita", "Teléfono"],
        ["Nombre cliente", "Nombre del cliente", "Nome do cliente", "Nom du client", "Naam klant"],
        ["Kundenname", "Celular", "Dirección de envío", "Direccion 2", "Prénom du client"],
        ["Имя", "姓名", "", "Фамилия 2", "姓名 Name", "Имя (Name)", "Name*", "First Name*", "№"],
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])  # é as one character, or e and an accent
def test_a_name_in_any_column_of_names_is_dropped(
    bench: Bench, names: list[str], form: Literal["NFC", "NFD"]
) -> None:
    row = ["1", *["Garcia"] * len(names), "TX"]
    header = unicodedata.normalize(form, line(["\ufeffprospects_id", *names, "state"]).decode())
    bench.put(header.encode() + line(row), PROSPECTS)
    taken = bench.take()
    found = [(row["prospects_id"], row["state"]) for row in taken.rows("prospects_create")]
    assert found == [("1", "TX")]
    assert "Garcia" not in taken.everything


def test_prospects_get_the_same_checks_of_rows(bench: Bench) -> None:
    content = b"prospects_id,last_name\n1,Ann\nTotal,2\nGrand total (2),\nprospects_id,last_name\n"
    bench.put(content, PROSPECTS)
    taken = bench.take()
    assert [row["prospects_id"] for row in taken.rows("prospects_create")] == ["1"]
    reasons = [one.reason for one in taken.landings["prospects_create"].dead_letters]
    assert reasons == ["no prospects_id: a line of totals?"] * 2 + ["the header again"]


def test_a_table_of_ones_own_with_a_missed_separator_is_refused(
    bench: Bench, monkeypatch: Any
) -> None:
    monkeypatch.setenv("S3_PREFIXES", "leads")
    bench.put(b"name;state\nGarcia;TX\n", "leads/1.csv")
    bench.put(b"name^state\nGarcia^TX\n", "leads/2.csv")
    taken = bench.take()
    assert len(taken.failures) == 2
    assert "Garcia" not in taken.everything


def macro_patterns(path: str, values: dict[str, str]) -> dict[str, str]:
    """The patterns that a macro sets, by name."""
    text = (root() / "transform" / "macros" / path).read_text()
    found = dict(re.findall(r"{%- set (\w+) = '(.+)' -%}", text))
    used = re.search(r"~ '(\^\(\(\[\$\].+)'\n", text)
    if used:
        found["amount"] = used[1]
    for name, pattern in found.items():
        for inner, value in {**found, **values}.items():
            found[name] = found[name].replace("{{ " + inner + " }}", value)
        assert pattern
    return found


@pytest.mark.parametrize(
    "text",
    ["03/10/2026", "3/1/2026 x", "2026-03-10T1", "13/03/2026", "2026-3-1", "3/10/26", "2026/03/10",
     "10-Mar-2026", "0001-01-01", "1049.95", "$1,049.95", "($5.00)", "-$5", "$-5", "1,04", "5.",
     "x",
     "12345678901234567890",
     "1.049,95", "USD 5", "1,049,950.10"],
)  # fmt: skip
def test_what_counts_as_readable_is_what_the_models_read(text: str) -> None:
    dates, amounts = macro_patterns("dates.sql", {}), macro_patterns("text.sql", {})
    is_date = any(re.search(dates[name], text) for name in ("us_date", "iso_date"))
    assert is_date == bool(re.fullmatch(f"{US_DATE}|{ISO_DATE}", text))
    assert bool(re.search(amounts["amount"], text)) == bool(re.fullmatch(AMOUNT, text))
