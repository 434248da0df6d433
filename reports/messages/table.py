"""Tables: rows of texts in a fixed-width font, and as blocks of Slack."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_DOWN, Decimal
from typing import Literal

from reports.shared.figures import MINUS, Figures, cost_each, count, money, rounded
from reports.shared.text import columns, pad_left, pad_right

Value = Decimal | int | None
LEVELS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"


def sparkline(values: Sequence[Value]) -> str:
    """One block character per value between the least and the most; a dot if unknown.

    The range is at least a fifth of the level, as in charts, so that small changes look small.
    """
    known = [Decimal(value) for value in values if value is not None]
    if not known:
        return UNKNOWN * len(values)
    low, high = min(known), max(known)
    span = max(high - low, abs(high) / 5) or Decimal(1)
    base = (low + high - span) / 2
    letters = []
    for value in values:
        if value is None:
            letters.append(UNKNOWN)
        else:
            share = (Decimal(value) - base) / span
            place = (share * (len(LEVELS) - 1)).to_integral_value(ROUND_HALF_DOWN)
            letters.append(LEVELS[int(place)])
    return "".join(letters)


def extremes(values: Sequence[Value]) -> tuple[Value, Value]:
    """The least and the most of the known values."""
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (None, None)


PHONE = 36  # characters of a fixed-width line that fit on a phone


def texts(figures: Figures) -> tuple[str, str, str]:
    """Conversions, cost and CPA as shown."""
    return count(figures.conversions), money(figures.cents), cost_each(figures.cpa)


def exact(text: str) -> str:
    """A number unchanged."""
    return text


def dollars(text: str) -> str:
    """An amount without cents, rounded half up; any other text unchanged."""
    amount = _amount(text)
    if amount is None or "." not in text:
        return text
    sign = MINUS if amount < 0 else ""
    return f"{sign}${abs(rounded(amount, Decimal(1)) or Decimal(0)):,}"


def short_text(text: str) -> str:
    """An amount or a count of more than five digits in thousands, millions or billions."""
    amount = _amount(text)
    if amount is None or abs(amount) < 100_000:
        return dollars(text) if amount is not None and abs(amount) >= 1000 else text
    sign, unit = MINUS if amount < 0 else "", "$" if "$" in text else ""
    for least, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if abs(amount) >= least:
            return f"{sign}{unit}{abs(amount) / least:,.1f}{letter}"
    return text


def _amount(text: str) -> Decimal | None:
    plain = text.replace(MINUS, "-").replace("$", "").replace(",", "")
    return Decimal(plain) if re.fullmatch(r"-?\d+(\.\d+)?", plain) else None


@dataclass(frozen=True)
class Column:
    """A column; `width` is its least number of cells, for a column of names also the most.

    It is `shown` always, in `wide` text and in tables, or only in a `table`. If space is short an
    `is_amount` column loses its cents before a line gets too long for a phone.
    """

    title: str
    width: int = 0
    is_name: bool = False
    shown: Literal["always", "wide", "table"] = "always"
    is_amount: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of texts under columns; a row of one text is a heading. `caption` is its title."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    @property
    def lines(self) -> str:
        """As text for the width of a phone: names are cut, numbers right-aligned."""
        return self._text(is_wide=False)

    @property
    def wide_lines(self) -> str:
        """As text with full names."""
        return self._text(is_wide=True)

    def _text(self, is_wide: bool) -> str:
        for shorter in (exact, dollars, short_text):
            lines = self._lines(is_wide, shorter)
            if is_wide or max(map(columns, lines), default=0) <= PHONE:
                break
        return "\n".join(lines)

    def _lines(self, is_wide: bool, shorter: Callable[[str], str]) -> list[str]:
        hidden = ("table",) if is_wide else ("table", "wide")
        kept = [at for at, column in enumerate(self.columns) if column.shown not in hidden]
        titles = tuple(column.title for column in self.columns)
        rows = [
            row if len(row) == 1 else tuple(
                shorter(text) if column.is_amount or shorter is short_text else text
                for text, column in zip(row, self.columns, strict=True)
            )
            for row in self.rows
        ]  # fmt: skip
        body = [row for row in (titles, *rows) if len(row) > 1]
        room = 2 if is_wide else 1
        widths = {
            at: max([self.columns[at].width, *(columns(row[at]) + room for row in body)])
            for at in kept
        }
        shown = {
            at: replace(self.columns[at], width=max(self.columns[at].width, widths[at] - room))
            if is_wide and self.columns[at].is_name
            else self.columns[at]
            for at in kept
        }
        if not self.columns[kept[0]].is_name:
            widths[kept[0]] -= room  # nothing precedes it
        text = []
        for row in (titles, *rows):
            if len(row) == 1:
                text.append(row[0])
            else:
                cells = [_cell(row[at], shown[at], widths[at], at > 0) for at in kept]
                text.append("".join(cells).rstrip())
        return text


def _cell(text: str, column: Column, width: int, follows: bool) -> str:
    if column.is_name:
        return f"{' ' if follows else ''}{pad_right(text, column.width)}"
    return pad_left(text, width) if follows else " " * (width - columns(text)) + text


def raw_text_rows(table: Table) -> list[list[dict[str, str]]]:
    """The rows of Slack's table block; raw text is never read as markup, and never empty.

    An empty line between the parts of a text is not a row.
    """
    wide = len(table.columns)
    body = [row for row in table.rows if any(row)]
    rows: Sequence[Sequence[str]] = [[one.title for one in table.columns], *body]
    return [
        [{"type": "raw_text", "text": text or " "} for text in (*row, *[""] * (wide - len(row)))]
        for row in rows
    ]
