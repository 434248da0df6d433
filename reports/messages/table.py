"""Tables: rows of texts in a fixed-width font, and as blocks of Slack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.messages.text import columns, pad_left, pad_right


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
        """As text, numbers right-aligned in columns as wide as the longest needs."""
        kept = [at for at, column in enumerate(self.columns) if column.in_text]
        titles = tuple(column.title for column in self.columns)
        body = [row for row in (titles, *self.rows) if len(row) > 1]
        widths = {
            at: max([self.columns[at].width, *(columns(row[at]) + 2 for row in body)])
            for at in kept
        }
        text = []
        for row in (titles, *self.rows):
            if len(row) == 1:
                text.append(row[0])
            else:
                cells = [_cell(row[at], self.columns[at], widths[at], at > 0) for at in kept]
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
