"""Checks Google Sheets by reading the first row of each range."""

from __future__ import annotations

import re
from dataclasses import replace

from ingest.model import Pull
from ingest.sources.google_sheets.client import Spreadsheets
from ingest.sources.google_sheets.settings import SheetRange, ranges, refuse_shared_tabs
from ingest.sources.google_sheets.table import column_names
from signalroom.errors import AnswerError

_CORNERS = re.compile(r"([A-Za-z]*)([0-9]*)(?::([A-Za-z]*)[0-9]*)?")


def probe(pull: Pull) -> list[str]:
    """The empty ranges, one line each; raises SourceError that names the first unreadable one."""
    refuse_shared_tabs(pull.client_id)
    wanted = [_first_row(one) for one in ranges(pull.client_id)]
    sheets = Spreadsheets(pull, wanted)
    failures = []
    found = []
    for one in wanted:
        try:
            grid = sheets.grid(one)
            column_names(grid[0] if grid else [], f"{pull}, {one.table}")
            if not grid:
                found.append(f"{one.table}: {one.tab} has nothing in its first row")
        except AnswerError as error:
            failures.append(str(error))
    if failures:
        raise AnswerError(" ".join(failures))
    return found


def _first_row(one: SheetRange) -> SheetRange:
    """The range's first row: A1:Z1 of A1:Z, 1:1 of a whole tab."""
    found = _CORNERS.fullmatch(one.cells)
    left, row, right = found.groups() if found else ("", "", None)
    number = row or "1"
    last = right if right is not None else left
    cells = f"{left}{number}:{last}{number}" if bool(left) == bool(last) else one.cells
    return replace(one, cells=cells)
