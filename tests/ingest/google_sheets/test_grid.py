"""Sheets that people edit: headers, rows of different lengths, types, error values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ingest.sources.google_sheets.table import cell, column_names, table_of
from signalroom.errors import AnswerError


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["Month", "Channel / Brand"], ("month", "channel_brand")),
        (["a", "", "c"], ("a", "column_2", "c")),
        (["Name", "name", "NAME "], ("name", "name_2", "name_3")),
        (["name", "name_2", "name"], ("name", "name_2", "name_3")),
        (["column_2", ""], ("column_2", "column_2_2")),
        ([2026, True, Decimal("1.5")], ("c_2026", "true", "c_1_5")),
        (["_client_id", "_row_id", "_deleted"], ("client_id", "row_id", "deleted")),
        (["Größe", "予算"], ("groe", "column_2")),
        (["x" * 90, "x" * 80], ("x" * 55, "x" * 55 + "_2")),
    ],
)
def test_headers_become_names_that_are_stable_and_apart(
    header: list[object], names: tuple[str, ...]
) -> None:
    assert column_names(header, "x") == names
    assert len(set(names)) == len(names)
    # a column added at the right end renames none of the others
    assert column_names([*header, "Another"], "x")[: len(names)] == names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1200, "1200"),
        (Decimal("800.5"), "800.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10000000000000000001"), "0.10000000000000000001"),
        (12345678901234567890, "12345678901234567890"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        ("007", "007"),
        (" kept ", " kept "),
        (" ", " "),
        ("n/a", "n/a"),
        ("#hashtag", "#hashtag"),
        ("a\x00b", "ab"),
        ("", None),
        (None, None),
        ("#N/A", None),
        ("#DIV/0!", None),
        ("#NAME?", None),
    ],
)
def test_a_cell_keeps_its_exact_text(value: object, text: str | None) -> None:
    assert cell(value) == text


def test_ragged_rows_are_padded_and_blank_rows_counted() -> None:
    found = table_of([["a", "b", "c"], ["1"], [], ["", "", ""], ["2", "", "3", "", ""]], "x")
    assert found.rows == (
        {"_row_id": 0, "a": "1", "b": None, "c": None},
        {"_row_id": 3, "a": "2", "b": None, "c": "3"},
    )


def test_errors_become_null_and_are_counted() -> None:
    found = table_of([["a", "b"], ["#N/A", "#REF!"], ["#VALUE!", "ok"]], "x")
    assert [(row["a"], row["b"]) for row in found.rows] == [(None, None), (None, "ok")]
    assert found.errors == 3


@pytest.mark.parametrize("grid", [[], [[]], [["a", "b"]]])
def test_an_empty_range_is_an_empty_table(grid: list[list[object]]) -> None:
    assert table_of(grid, "x").rows == ()


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ([["a", "b"], ["1", "2"], ["1", "2", "3"]], "where: row 3 of the range has cells beyond"),
        ([[], ["1"]], "where: row 2 of the range has cells beyond the header's 0 columns"),
        ([["a", "#REF!"], ["1", "2"]], "where: the header of column 2 is #REF!"),
    ],
)
def test_what_has_no_header_is_no_load(grid: list[list[object]], message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        table_of(grid, "where")
