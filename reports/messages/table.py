"""Tables: rows of texts in a fixed-width font, and as blocks of Slack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from reports.messages.text import columns, pad_left, pad_right
from reports.shared.figures import Figures, count, money

Value = Decimal | int | None
LEVELS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"


def sparkline(values: Sequence[Value]) -> str:
    """One block letter per value between the least and the most; a dot where it is unknown."""
    known = [Decimal(value) for value in values if value is not None]
    if not known:
        return UNKNOWN * len(values)
    low, span = min(known), max(known) - min(known)
    letters = []
    for value in values:
        if value is None:
            letters.append(UNKNOWN)
        elif span == 0:
            letters.append(LEVELS[3])
        else:
            share = (Decimal(value) - low) / span
            letters.append(LEVELS[int((share * (len(LEVELS) - 1)).to_integral_value())])
    return "".join(letters)


def extremes(values: Sequence[Value]) -> tuple[Value, Value]:
    """The least and the most of the known values."""
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (None, None)


NAME_WIDTH = 20
TITLES = ("Conv.", "Cost", "CPA")
LEAST = (7, 11, 9)  # so that days of ordinary size look alike


@dataclass(frozen=True)
class GridLine:
    """A line of the grid: a heading when it has no figures. `mark` stands before the name."""

    name: str
    figures: Figures | None = None
    mark: str = ""


def grid(lines: Sequence[GridLine], is_wide: bool = False) -> str:
    """The lines as text, numbers right-aligned in columns as wide as the longest needs.

    Names are cut at the width of a phone unless there is room for all of each (`is_wide`).
    """
    named = [line for line in lines if line.figures is not None]
    longest = max((columns(line.mark + line.name) for line in named), default=0)
    room = max(NAME_WIDTH, longest) if is_wide else NAME_WIDTH
    cells = [_cells(line.figures) for line in lines if line.figures is not None]
    widths = [
        max([least, *(columns(row[at]) + 2 for row in cells)]) for at, least in enumerate(LEAST)
    ]
    text = [" " * room + _row(TITLES, widths)]
    for line in lines:
        if line.figures is None:
            text.append(line.name)
            continue
        name = line.mark + pad_right(line.name, room - columns(line.mark))
        text.append(name + _row(_cells(line.figures), widths))
    return "\n".join(text)


def _cells(figures: Figures) -> tuple[str, str, str]:
    return count(figures.conversions), money(figures.cents), money(figures.cpa)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(pad_left(cell, width) for cell, width in zip(cells, widths, strict=True))


@dataclass(frozen=True)
class Column:
    """A column; `width` is the least number of cells, and of a column of names also the most.

    What is not `in_text` is left out where the font is fixed and the room is short.
    """

    title: str
    width: int = 0
    is_name: bool = False
    in_text: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of texts under columns; a row of one text is a heading."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def lines(self) -> str:
        """As text for the width of a phone: names are cut, numbers right-aligned."""
        return self._text(is_wide=False)

    @property
    def wide_lines(self) -> str:
        """As text with room for the whole of each name."""
        return self._text(is_wide=True)

    def _text(self, is_wide: bool) -> str:
        kept = [at for at, column in enumerate(self.columns) if column.in_text]
        titles = tuple(column.title for column in self.columns)
        body = [row for row in (titles, *self.rows) if len(row) > 1]
        widths = {
            at: max([self.columns[at].width, *(columns(row[at]) + 2 for row in body)])
            for at in kept
        }
        shown = {
            at: replace(self.columns[at], width=max(self.columns[at].width, widths[at] - 2))
            if is_wide and self.columns[at].is_name
            else self.columns[at]
            for at in kept
        }
        text = []
        for row in (titles, *self.rows):
            if len(row) == 1:
                text.append(row[0])
            else:
                cells = [_cell(row[at], shown[at], widths[at], at > 0) for at in kept]
                text.append("".join(cells).rstrip())
        return "\n".join(text)


def _cell(text: str, column: Column, width: int, follows: bool) -> str:
    if column.is_name:
        return f"{' ' if follows else ''}{pad_right(text, column.width)}"
    return pad_left(text, width) if text or follows else " " * width


def raw_text_rows(table: Table) -> list[list[dict[str, str]]]:
    """The rows of Slack's table block; raw text is never read as markup, and never empty."""
    wide = len(table.columns)
    rows: Sequence[Sequence[str]] = [[one.title for one in table.columns], *table.rows]
    return [
        [{"type": "raw_text", "text": text or " "} for text in (*row, *[""] * (wide - len(row)))]
        for row in rows
    ]
