"""Columns searched as bytes give the same answers as cell by cell."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from ingest.privacy.texts import are_digits, longest, may_contain

COLUMNS: dict[str, list[str | None]] = {
    "empty": [],
    "blank": [None, None],
    "digits": ["12", None, "", "007"],
    "other digits": ["12", "\u0663"],
    "sign": ["12", "-3"],
    "email": ["x", "a@b"],
    "encoded": ["x", "a%40b"],
    "percent": ["100%", "4 of 0"],
    "umlaut": ["\u00e4\u00f6"],
}
MARKS = ("@", "%40", "\uff20")


def forms(cells: list[str | None]) -> list[Any]:
    """The cells as an array, as a part of a larger one, and in chunks."""
    whole = pa.array(cells, pa.string())
    within = pa.array(["@%40x\uff20", *cells, "-@"], pa.string()).slice(1, len(cells))
    return [whole, within, pa.chunked_array([whole[:1], whole[1:]], pa.string())]


@pytest.mark.parametrize("name", COLUMNS)
def test_bytes_and_cells_agree(name: str) -> None:
    cells = COLUMNS[name]
    filled = [cell for cell in cells if cell]
    for form in forms(cells):
        assert are_digits(form) == all(cell.isascii() and cell.isdigit() for cell in filled)
        assert longest(form) == max((len(cell.encode()) for cell in filled), default=0)
        found = any(mark in cell for cell in filled for mark in MARKS)
        assert may_contain(form, [mark.encode() for mark in MARKS]) == found
