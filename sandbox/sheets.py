"""Spreadsheets that people maintain for a client: their contents at an instant.

They have every trap of a manual sheet: a blank header, a duplicate header, ragged rows, blank rows
in between, numbers, words, dates and checkboxes in one column, errors, and edits of the past.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from sandbox.clock import BUSINESS_ZONE

Cell = str | int | float | bool | date | None
Grid = list[list[Cell]]
Header = tuple[tuple[str, str], ...]  # the header in the sheet, and its column name

SERIAL_ZERO = date(1899, 12, 30)
SPREADSHEETS = {"713": "1sandboxTargetsOf713", "cti": "1sandboxTargetsOfCti"}
# "Loading..." fills a cell until its import has loaded; it is not a value either
ERRORS = ("#N/A", "#REF!", "#DIV/0!", "Loading...")

TARGETS: Header = (
    ("Month", "month"), ("Channel / Brand", "channel_brand"), ("Target", "target"),
    ("", "column_4"), ("Note", "note"), ("Note", "note_2"), ("2026 plan", "c_2026_plan"),
)  # fmt: skip
BUDGETS: Header = (
    ("Source", "source"),
    ("Valid from", "valid_from"),
    ("Daily budget", "daily_budget"),
)

EDITED = datetime(2026, 11, 18, 15, 0, tzinfo=BUSINESS_ZONE)
SHORTENED = datetime(2026, 11, 24, 9, 0, tzinfo=BUSINESS_ZONE)


def grids(client: str, now: datetime, is_loading: bool = False) -> dict[str, Grid]:
    """The tabs of the client's spreadsheet, header first; a tab without a cell is an empty list.

    `is_loading`: an import that fills the column of targets has not loaded yet.
    """
    targets: Grid = [
        ["2026-09", "email", 1200],
        [date(2026, 10, 1), "CCW", 800.5, None, 'ask Ann, "soon"'],
        [],
        ["2026-10", "sms", "n/a", True, "", "second thoughts"],
        ["2026-11", "", "#N/A", "x", None, None, 0.1],
        ["007", " padded ", -3, False, "line one\nline two", "#DIV/0!", 12345678901234],
        ["2026-12", "push", "1,200", None, None, None, "#REF!"],
    ]
    if now >= EDITED:
        targets[0][2] = 1350  # the past is edited in place
        targets.append(["2027-01", "email", 1500])
    if now >= SHORTENED:
        del targets[1:4]
    if is_loading:
        targets = [[*row[:2], "Loading...", *row[3:]] if row else row for row in targets]
    found: dict[str, Grid] = {"Targets": [[label for label, _ in TARGETS], *targets]}
    if client == "713":
        budgets: Grid = [
            ["Facebook", date(2026, 11, 1), 450],
            ["Google", date(2026, 11, 15), 99.99],
        ]
        found["Budgets & plans"] = [[label for label, _ in BUDGETS], *budgets]
        found["Empty"] = []
    return found


def without_errors(row: list[Cell]) -> list[Cell]:
    """A row whose cells with an error are blank, which reads the same."""
    return [None if cell in ERRORS else cell for cell in row]


HEADERS: Mapping[str, Header] = {"Targets": TARGETS, "Budgets & plans": BUDGETS, "Empty": ()}


def serial(day: date) -> int:
    """Days since 30 December 1899, as spreadsheets count."""
    return (day - SERIAL_ZERO).days


def text_of(cell: Cell) -> str | None:
    """A cell's exact text; None for an empty cell and for an error."""
    if cell is None or cell == "" or cell in ERRORS:
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, date):
        return str(serial(cell))
    return str(cell) if isinstance(cell, (str, int)) else f"{Decimal(repr(cell)):f}"
