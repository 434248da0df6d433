"""A1 notation: which cells of which tab."""

import re
from collections.abc import Mapping, Sequence

from sandbox.sheets import Cell

_CELLS = re.compile(r"([A-Z]{0,3})([0-9]*)(?::([A-Z]{0,3})([0-9]*))?")
GRID_ROWS, GRID_COLUMNS = 1000, 26


class RangeError(Exception):
    """A range that Google cannot read."""


def cut(name: str, tabs: Mapping[str, Sequence[Sequence[Cell]]]) -> tuple[str, list[list[Cell]]]:
    """The range's cells, and the range as Google echoes it: the grid's, not the filled part."""
    tab, _, cells = name.rpartition("!") if "!" in name else (name, "", "")
    if re.fullmatch(r"'.*'", tab):
        tab = tab[1:-1].replace("''", "'")
    elif re.search(r"[^A-Za-z0-9_]", tab):
        raise RangeError(f"Unable to parse range: {name}")
    found = _CELLS.fullmatch(cells)
    if tab not in tabs or found is None:
        raise RangeError(f"Unable to parse range: {name}")
    first_column, first_row = _column(found[1], 1), int(found[2] or 1)
    last_column = _column(found[3] or "", GRID_COLUMNS)
    last_row = int(found[4] or GRID_ROWS)
    rows = [
        list(row[first_column - 1 : last_column]) for row in tabs[tab][first_row - 1 : last_row]
    ]
    shown = f"'{tab}'" if re.search(r"[^A-Za-z0-9_]", tab) else tab
    echo = f"{shown}!{_letters(first_column)}{first_row}:{_letters(last_column)}{last_row}"
    return echo, rows


def _column(letters: str, missing: int) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number or missing


def _letters(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
