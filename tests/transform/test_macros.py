"""The macros that parse text and divide money, with difficult values, on both engines."""

from __future__ import annotations

import random
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.warehouse import Warehouse
from tests.transform.dbt import Dbt
from transform.client_files import files, reader

CALLS = {
    "exact_ratio": "exact_ratio('n', 'd')",
    "to_date": "to_date('v')",
    "to_amount": "to_amount('v')",
    "to_flag": "to_flag('v')",
    "to_whole_number": "to_whole_number('v')",
    "trimmed": "trimmed('v')",
    "mapped_value": "mapped_value('v')",
    "is_broken": "is_broken(mapped_value('v'))",
    "identifier": "identifier(mapped_value('v'))",
    "is_mangled": "is_mangled(identifier(mapped_value('v')))",
    "label_key": "label_key(cleaned('v'))",
    "to_month": "to_month(mapped_value('v'))",
    "to_amount_of": "to_amount(mapped_value('v'))",
    "file_time": "file_time('v', \"cast('2025-10-02' as date)\")",
}
MARK = "-- @@"


@pytest.fixture(scope="module")
def macros(module_dbt: Dbt) -> dict[str, str]:
    """Each macro as SQL of the engine, over columns named v, n and d."""
    inline = "\n".join(f"{MARK}{name}\n{{{{ {call} }}}}" for name, call in CALLS.items())
    output = module_dbt.succeeds("--quiet", "compile", "--inline", inline).output
    parts = output.split(MARK)[1:]
    return {name: sql for name, _, sql in (part.partition("\n") for part in parts)}


def applied(warehouse: Warehouse, sql: str, values: list[str | None]) -> list[object]:
    """The macro's value for each text, in order."""
    if warehouse.target == "duckdb":
        table = "(select unnest(?::text[]) as v, unnest(range(len(?::text[]))) as place)"
    else:
        table = "(select * from unnest(%s::text[], %s::text[]) with ordinality as u(v, w, place))"
    rows = warehouse.rows(f"select {sql} from {table} as texts order by place", values, values)
    return [value for (value,) in rows]


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """The expected value of exact_ratio."""
    if denominator == 0:
        return None
    with localcontext() as context:
        context.prec = 120
        # the quotient may not end: use enough digits to round correctly after a tie
        return (numerator / denominator).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def pairs() -> list[tuple[Decimal, Decimal]]:
    """Ties, neighbors of ties, both signs, smallest and largest amounts; then random values."""
    tiny = Decimal("1E-18")
    chosen = [
        (sign * (Decimal(tie) + step), Decimal(divisor))
        for sign in (1, -1)
        for tie in ("0.0000005", "0.0000015", "2.5000005", "999999.9999995")
        for step in (-tiny, Decimal(0), tiny)
        for divisor in (1, -1, 2, 3, 7)
    ]
    chosen += [
        (Decimal(numerator), Decimal(denominator))
        for numerator, denominator in [
            *[("0", "5"), ("5", "0"), ("0", "0"), ("1677.25", "47"), ("1", "3"), ("2", "3")],
            *[("99999999999.999999999999999999", "1"), ("1E-18", "1E-18"), ("1E-18", "2E-12")],
            *[("0.000001", "2"), ("1", "2000000"), ("3", "2000000"), ("1", "2000001")],
            ("123456789.12", "9000000000000"),
        ]
    ]
    chance = random.Random(20261118)
    for _ in range(300):
        numerator = Decimal(chance.randrange(-(10**27), 10**27)).scaleb(-18)
        chosen.append((numerator, Decimal(chance.randrange(1, 10**6))))
        chosen.append((numerator, Decimal(chance.randrange(1, 10**24)).scaleb(-12)))
    return [pair for pair in chosen if pair[1] == 0 or abs(pair[0] / pair[1]) < 10**11]


def test_ratios_are_exact_at_ties_signs_and_extremes(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    rows = ", ".join(
        f"({place}, cast('{numerator:f}' as decimal(38, 18)),"
        f" cast('{denominator:f}' as decimal(38, 18)))"
        for place, (numerator, denominator) in enumerate(pairs())
    )
    found = module_warehouse.rows(
        f"select {macros['exact_ratio']} from (values {rows}) as pairs(place, n, d) order by place"
    )
    wrong = {
        pair: (value, ratio(*pair))
        for pair, (value,) in zip(pairs(), found, strict=True)
        if value != ratio(*pair)
    }
    assert not wrong
    assert len(found) > 500


def test_conversions_divide_as_whole_numbers(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    [row] = module_warehouse.rows(
        f"select {macros['exact_ratio']}"
        " from (select cast(1677.25 as decimal(38, 18)) as n, cast(47 as bigint) as d) as pair"
    )
    assert row == (Decimal("35.686170"),)


def test_dates_are_read_or_null_and_never_an_error(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    texts: dict[str | None, date | None] = {
        "09/22/2025": date(2025, 9, 22),
        "9/2/2025": date(2025, 9, 2),
        "02/29/2024": date(2024, 2, 29),
        "12/31/2999 11:59 PM": date(2999, 12, 31),
        "2025-09-22": date(2025, 9, 22),
        "2025-09-22 00:00:00": date(2025, 9, 22),
        "2025-09-22T10:00:00Z": date(2025, 9, 22),
        "02/29/2025": None,
        "2025-02-30": None,
        "04/31/2025": None,
        "0000-00-00": None,
        "0000-00-00 00:00:00": None,
        "00/00/0000": None,
        "13/01/2025": None,
        "2025-13-01": None,
        "22/09/2025": None,
        "09/22/25": None,
        "09-22-2025": None,
        "2025-9-2": None,
        "20250922": None,
        "2025-09-22x": None,
        "n/a": None,
        "//": None,
        "\u0661\u0662/01/2025": None,
        "'; drop table orders; --": None,
        None: None,
    }
    found = applied(module_warehouse, macros["to_date"], list(texts))
    assert dict(zip(texts, found, strict=True)) == texts


def test_every_day_of_four_years_is_read_in_both_forms(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    first = date(2023, 1, 1).toordinal()
    days = [date.fromordinal(first + number) for number in range(4 * 365 + 1)]
    us_dates: list[str | None] = [f"{day:%m/%d/%Y}" for day in days]
    iso_dates: list[str | None] = [day.isoformat() for day in days]
    assert applied(module_warehouse, macros["to_date"], us_dates) == days
    assert applied(module_warehouse, macros["to_date"], iso_dates) == days


def test_amounts_are_read_or_null_and_never_an_error(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    texts: dict[str | None, str | None] = {
        "1049.95": "1049.95",
        "$1,049.95": "1049.95",
        "1,234,567": "1234567",
        "-5": "-5",
        "-$5.00": "-5",
        "$-5.00": "-5",
        "($5.00)": "-5",
        "0": "0",
        "5.": "5",
        "9999999999999999999.999999999999999999": "9999999999999999999.999999999999999999",
        "00012.50": "12.5",
        "99999999999999999999": None,
        "1.0000000000000000001": None,
        "1,04": None,
        "10,49.95": None,
        "1.049,95": None,
        "1e3": None,
        "--5": None,
        "$": None,
        ".": None,
        "n/a": None,
        "NaN": None,
        "Infinity": None,
        "12 USD": None,
        None: None,
    }
    found = applied(module_warehouse, macros["to_amount"], list(texts))
    expected = [None if text is None else Decimal(text) for text in texts.values()]
    assert dict(zip(texts, found, strict=True)) == dict(zip(texts, expected, strict=True))


def test_flags_are_read_in_every_accounts_spelling(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    texts: dict[str | None, bool | None] = {
        **dict.fromkeys(["YES", "yes", "Y", "1", "true", "T"], True),
        **dict.fromkeys(["NO", "no", "N", "0", "FALSE", "f", None], False),
        **dict.fromkeys(["maybe", "2", "YES NO"], None),
    }
    found = applied(module_warehouse, macros["to_flag"], list(texts))
    assert dict(zip(texts, found, strict=True)) == texts


def test_blanks_of_every_kind_are_trimmed_and_inner_ones_stay(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    texts: dict[str | None, str] = {
        " \t\r\n\u00a0SB - Meta\u00a0\t ": "SB - Meta",
        "SB\u00a0Meta": "SB\u00a0Meta",
        "\u00a0": "",
    }
    found = applied(module_warehouse, macros["trimmed"], list(texts))
    assert dict(zip(texts, found, strict=True)) == texts


def test_not_mapped_is_written_in_many_ways(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    texts: dict[str | None, str | None] = {
        **dict.fromkeys(["n/a", "N/A", " n/A\t", "", "  ", None], None),
        " SB - Meta ": "SB - Meta",
        "na": "na",
    }
    found = applied(module_warehouse, macros["mapped_value"], list(texts))
    assert dict(zip(texts, found, strict=True)) == texts


def test_ids_are_whole_numbers_or_nothing(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    texts: dict[str | None, int | None] = {
        "21": 21,
        "0021": 21,
        "999999999999999999": 999999999999999999,
        **dict.fromkeys(["9223372036854775808", "-1", "1.0", "x", "", "1\n", None], None),
    }
    found = applied(module_warehouse, macros["to_whole_number"], list(texts))
    assert dict(zip(texts, found, strict=True)) == texts


def test_the_time_in_a_files_name_orders_files(
    module_warehouse: Warehouse, macros: dict[str, str]
) -> None:
    texts: dict[str | None, int] = {
        "orders-create/report_2025-09-22T1849_ab12.csv": 20250922184900,
        "2024-01-01T0000/report_2025-09-22T184930.csv": 20250922184930,
        "report.csv": 20251002000000,
    }
    found = applied(module_warehouse, macros["file_time"], list(texts))
    assert dict(zip(texts, found, strict=True)) == texts


# Typical leftovers of spreadsheets, chats and web pages; hypothesis mixes them with other text.
ODD_CELLS = [
    *(
        "n/a",
        " N/A\u00a0",
        "null",
        "#N/A",
        "#REF!",
        "# REF!",
        "#N/A N/A",
        "#HIÁNYZIK",
        "=B2",
        '="64f1 "',
        '="n/a"',
        '="a""b"',
        '=""',
        "#NAME?",
        "#DIV/0!",
        "#NV",
        "#",
        "###",
        "#1 Leads",
    ),
    *(
        "Loading...",
        "Loading…",
        "Zero\u200b Wide",
        "\ufeffBom",
        "Narrow\u202f",
        "Cafe\u0301",
        "CAFÉ",
    ),
    *("'Label", "''", "Partners'", "\u2019quoted", "a\tb", "a\nb", "wrong \ufffd", "65f0c1'"),
    *("'65f0c1", "6.5E+23", "6,5e+23", "612345678901234567890e12", "1.0", "1.", "01", "1.00", "-1"),
    *(
        "2026-11",
        "2026-1",
        "2026-11-01",
        "2026-11-02",
        "Nov-26",
        "nov 2026",
        "11/1/2026",
        "11/2026",
    ),
    *(
        "2026-13",
        "Nov-2",
        "1,000",
        "$5.00",
        "(3)",
        "1.049,95",
        "\u2010",
        "a\u00adb",
        "⭐\ufe0f Star",
    ),
    *("#¿NOMBRE?", "#ССЫЛКА!", "#I/T", "Err:508", "=VLOOKUP(A2,x,2,0)", "=", "#1/2", "6.53E23"),
    *(
        "Bell\x07",
        "\x1a",
        "Del\x7f",
        "Cafe\u200b\u0301",
        "G2\u3164",
        "\U000e0047Tag",
        "G\U000e0101",
    ),
    "\u2800Blank",
]
CELL = st.one_of(
    st.sampled_from(ODD_CELLS),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
)


@given(cells=st.lists(CELL, min_size=200, max_size=200))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_sql_reads_a_cell_of_a_clients_file_as_the_checker_does(
    module_warehouse: Warehouse, macros: dict[str, str], cells: list[str]
) -> None:
    texts = [*ODD_CELLS, *cells]
    found = {
        name: applied(module_warehouse, macros[name], list(texts))
        for name in ("mapped_value", "is_broken", "identifier", "is_mangled", "to_month")
    }
    for place, text in enumerate(texts):
        value = reader.value_of(text)
        identifier = reader.identifier(value)
        read = {name: values[place] for name, values in found.items()}
        assert (read["mapped_value"] or "") == value, ascii(text)
        assert (read["identifier"] or "") == identifier, ascii(text)
        assert bool(read["is_broken"]) == bool(value and reader.is_broken(value)), ascii(text)
        assert bool(read["is_mangled"]) == bool(reader.MANGLED.fullmatch(identifier)), ascii(text)
        is_month = bool(files.MONTH.fullmatch(value))
        assert read["to_month"] == (files._month(value) if is_month else None), ascii(text)
    amounts = applied(module_warehouse, macros["to_amount_of"], list(texts))
    for text, amount in zip(texts, amounts, strict=True):
        value = reader.value_of(text)
        assert (amount is not None) == bool(value and files.AMOUNT.fullmatch(value)), ascii(text)
