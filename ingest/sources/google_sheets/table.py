"""Google's cells as a table: header, ragged rows, errors, mixed types."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.columns import COUNT_TYPE, TEXT_TYPE, text
from ingest.model import KnownFile, Pull, Row
from ingest.sources.google_sheets.settings import ERROR_CELL, LONGEST_NAME
from signalroom.errors import AnswerError

# An email address or telephone number: the range begins below its header.
PERSONAL = re.compile(r".*\S@\S.*|\+?\(?\d[\d\s().-]{8,}\d", re.DOTALL)
META_COLUMNS = {"_client_id": {**TEXT_TYPE, "nullable": False}, "_row_id": COUNT_TYPE}


def fingerprint(columns: Sequence[str]) -> str:
    """A short fingerprint of the columns and their order."""
    return hashlib.sha256("\n".join(columns).encode()).hexdigest()[:12]


def written(columns: Sequence[str]) -> str:
    """The columns as stored in the ledger."""
    return json.dumps(list(columns))


def check(pull: Pull, table: str, columns: Sequence[str], known: KnownFile | None) -> None:
    """Give notice of columns added at the right end; AnswerError for any other header change.

    A person accepts one by naming the new header's fingerprint in GOOGLE_SHEETS_ACCEPTED_HEADERS.
    """
    before: list[str] = json.loads(known.header) if known and known.header else []
    if list(columns[: len(before)]) == before:
        if before and len(columns) > len(before):
            pull.notice(f"{table}: new columns {', '.join(columns[len(before) :])}")
        return
    wanted = f"{table}:{fingerprint(columns)}"
    accepted = pull.variable("GOOGLE_SHEETS_ACCEPTED_HEADERS") or ""
    if wanted in (part.strip() for part in accepted.split(",")):
        pull.notice(f"{table}: the new header was accepted")
        return
    gone = [name for name in before if name not in columns]
    new = [name for name in columns if name not in before]
    said = [f"gone: {', '.join(gone)}"] if gone else []
    said += [f"new: {', '.join(new)}"] if new else []
    raise AnswerError(
        f"{pull}, {table}: the header changed "
        f"({'; '.join(said) or 'another order'}); the table keeps its last good rows. Put the "
        f"header back, or accept it with GOOGLE_SHEETS_ACCEPTED_HEADERS={wanted}."
    )


Cells = Sequence[object]


@dataclass(frozen=True)
class Table:
    """Rows of text under `columns`, `_row_id` from 0 below the header, blank rows counted.

    `errors` is how many cells held an error such as `#N/A`, or `Loading...`; they are null.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    errors: int


def table_of(grid: Sequence[Cells], where: str) -> Table:
    """The table of a range; its first row is the header.

    A range without cells is a table without columns. `where` begins the AnswerError for rows
    without a header above them, and for cells beyond it.
    """
    header, *below = grid or [[]]
    columns = column_names(header, where)
    rows: list[Row] = []
    errors = 0
    for number, cells in enumerate(below):
        values = [cell(value) for value in cells]
        beyond = [value for value in values[len(columns) :] if value is not None]
        if beyond:
            raise AnswerError(
                f"{where}: row {number + 2} of the range has cells beyond the header's "
                f"{len(columns)} columns; the table keeps its rows. Give every column a header."
            )
        errors += sum(
            value is None and is_error(raw) for value, raw in zip(values, cells, strict=True)
        )
        padded = [*values, *[None] * len(columns)][: len(columns)]
        if any(value not in (None, "") for value in cells):
            rows.append({"_row_id": number, **dict(zip(columns, padded, strict=True))})
    return Table(columns, tuple(rows), errors)


def column_names(header: Cells, where: str) -> tuple[str, ...]:
    """Names in snake case, the same for the same header: `column_3` for a blank one, `name_2`.

    Personal data in the header is refused, and not repeated in the message.
    """
    if any(PERSONAL.fullmatch((text(value) or "").strip()) for value in header):
        raise AnswerError(
            f"{where}: the range's first row holds a person's data, not the names of columns; the "
            "table keeps its rows. Start the range in GOOGLE_SHEETS_RANGES at the header."
        )
    names: list[str] = []
    for place, value in enumerate(header, start=1):
        if is_error(value):
            raise AnswerError(
                f"{where}: the header of column {place} is {value}; the table keeps its rows."
            )
        plain = unicodedata.normalize("NFKD", text(value) or "").encode("ascii", "ignore").decode()
        name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:LONGEST_NAME].strip("_")
        if not name:
            name = f"column_{place}"
        elif name[0].isdigit():
            name = f"c_{name}"
        names.append(name)
    taken = set(names)
    seen: set[str] = set()
    for place, name in enumerate(names):
        number, unique = 2, name
        while unique in seen or (unique != name and unique in taken):
            unique = f"{name}_{number}"
            number += 1
        seen.add(unique)
        names[place] = unique
    return tuple(names)


def cell(value: object) -> str | None:
    """The exact text of a cell: numbers with every digit, dates as serial numbers.

    None for an empty cell and for an error.
    """
    if value is None or value == "" or is_error(value):
        return None
    if isinstance(value, str):
        return value.replace("\x00", "")  # PostgreSQL's text cannot hold a NUL
    return text(value)


def is_error(value: object) -> bool:
    """Whether a cell holds an error such as `#N/A`, or waits for another spreadsheet."""
    return isinstance(value, str) and ERROR_CELL.fullmatch(value.strip()) is not None
