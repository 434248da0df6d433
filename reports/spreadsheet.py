"""Spreadsheets: the full table of a report as CSV that opens in Excel and runs nothing there."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.messages.text import clean

DANGEROUS = frozenset("=+-@\t\r")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Sheet:
    """A table: titles, and rows of values in their own types (None: an empty cell)."""

    titles: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def csv(self) -> bytes:
        """UTF-8 with a byte-order mark, so that Excel reads names right; lines end with CRLF."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(self.titles)
        writer.writerows([cell(value) for value in row] for row in self.rows)
        return text.getvalue().encode("utf-8-sig")


def sheet(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> Sheet:
    """A table of any sequences."""
    return Sheet(tuple(titles), tuple(tuple(row) for row in rows))


def cell(value: object) -> str:
    """A value as a cell: decimals with all their digits, text that no program takes for a formula.

    A spreadsheet looks past blanks and takes full-width signs for plain ones; so does this.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, (int, date)):
        return str(value)
    return guarded(str(value))


def guarded(text: str) -> str:
    """Text without invisible characters, behind an apostrophe where it could be a formula."""
    shown = clean(text)
    # What a reader cannot see may stand before the sign; a plain number is just that.
    looks = [unicodedata.normalize("NFKC", one).lstrip(" \u00a0\n\v\f") for one in (text, shown)]
    if any(one[:1] in DANGEROUS for one in looks if one) and not NUMBER.fullmatch(shown):
        return f"'{shown}"
    return shown


def _plain(value: Decimal) -> str:
    """All digits, but no zeros behind the last that says something."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
