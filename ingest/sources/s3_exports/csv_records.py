"""The records of a CSV file: its header line, and every row with its line number and error.

The header gives unique names as in the raw table, a fingerprint, and what is missing. Reading
record by record is ten times slower than Arrow, and only done where Arrow fails; for valid rows
both give the same cells.
"""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from ingest.sources.s3_exports.download import Content
from ingest.sources.s3_exports.limits import (
    KNOWN_COLUMNS,
    MAX_CELL_BYTES,
    MAX_COLUMNS,
    MAX_RECORD_BYTES,
    META_COLUMNS,
    PROSPECT_IDS,
    REQUIRED_COLUMNS,
    TELLING_WIDTH,
    RefusedError,
    WaitingError,
)
from signalroom.plural import counted

BOM = b"\xef\xbb\xbf"
NAME_LENGTH = 63  # PostgreSQL's limit; longer names are shortened the same way on both engines
SEPARATORS = {
    **{";": "semicolons", "\t": "tabs", "|": "vertical bars", "^": "carets", "~": "tildes"},
    **{"\u00a6": "broken bars", "\u00ac": "not signs"},
    **dict.fromkeys("\uff0c\u060c\u3001\uff1b\u061b", "the commas of another script"),
    **dict.fromkeys("\x01\x02\x1c\x1d\x1e\x1f", "control characters"),
}
DATA_NOT_NAME = re.compile(
    r"[+-]?[0-9][0-9.,:/-]*|.*@.*|[\[{<].*|sep=.*", re.DOTALL | re.IGNORECASE
)
# limit of the process; the csv module's default is an eighth of it
csv.field_size_limit(MAX_CELL_BYTES)
END_MARKS = "\x1a\0 \t\r\n"  # what programs of old write behind the last line
LATIN = re.compile("[A-Za-z]")
ESCAPED_BYTES = re.compile("[\ud800-\udfff]")
OPEN_QUOTE = "a quoted cell that never closes"
LONG_CELL = f"a cell of more than {MAX_CELL_BYTES >> 20} MB"
LONG_LINE = f"a line of more than {MAX_RECORD_BYTES >> 20} MB"


@dataclass(frozen=True)
class Header:
    """A file's columns in order; `bases` are the names before repeated ones were numbered.

    Data begins at byte `offset`, after `lines` lines.
    """

    names: tuple[str, ...]
    bases: tuple[str, ...]
    fingerprint: str
    offset: int
    lines: int

    @property
    def width(self) -> int:
        """Cells of a row."""
        return len(self.names)


def read_header(content: Content, table: str) -> Header:
    """The header of a table's file.

    Raises WaitingError where the file ends within it, RefusedError where it is not a header or
    lacks a required column.
    """
    cells, offset, lines, is_ended = _first_row(content)
    if len(cells) > MAX_COLUMNS:
        raise RefusedError(f"it has {len(cells):,} columns, more than {MAX_COLUMNS:,}")
    separator = next((SEPARATORS[one] for cell in cells for one in cell if one in SEPARATORS), None)
    if separator:
        raise RefusedError(f"its columns are separated by {separator}; export it with commas")
    if any(one.strip() != one.strip().strip("'\u2018\u2019") for one in cells):
        raise RefusedError("its columns are quoted by apostrophes; export it with double quotes")
    if any(DATA_NOT_NAME.fullmatch(cell.strip()) for cell in cells):
        # the cells may be personal data: they are not repeated here
        raise RefusedError("its first line is not a header; export it with column names")
    bases = tuple(_name(cell, position) for position, cell in enumerate(cells, 1))
    known = KNOWN_COLUMNS.get(table, ())
    if not is_ended and offset == content.size_bytes and not (known and set(known) <= set(bases)):
        raise WaitingError("it is cut off within the header")
    missing = [name for name in REQUIRED_COLUMNS.get(table, ()) if name not in bases]
    if missing:
        raise RefusedError(
            f"its header lacks {', '.join(missing)}; export it again with these columns"
        )
    if _runs_together(bases):
        raise RefusedError(
            "names of its header run together; export it with commas between columns"
        )
    if len(cells) == 1:
        raise RefusedError("its header is one column; export it with commas between columns")
    spelling = "\n".join(cell.strip() for cell in cells)
    return Header(
        names=_unique(bases),
        bases=bases,
        fingerprint=hashlib.sha256(spelling.encode()).hexdigest()[:16],
        offset=offset,
        lines=lines,
    )


def _runs_together(bases: tuple[str, ...]) -> bool:
    """Whether the prospect's id is joined to another name by an unknown separator."""
    if set(PROSPECT_IDS) & set(bases):
        return False
    return any(re.search(f"(^|_){name}_", base) for base in bases for name in PROSPECT_IDS)


def _first_row(content: Content) -> tuple[list[str], int, int, bool]:
    """Cells of the first non-empty row, the byte and line after it, whether its line ends."""
    start = len(BOM) if content.bytes_from(0).read(len(BOM)) == BOM else 0
    offset, number = start, 0
    with content.text_from(start) as text:
        lines = Lines(text)
        reader = csv.reader(lines)
        while True:
            try:
                cells = next(reader, None)
            except (csv.Error, LongRecordError):
                raise RefusedError("its first line is not a header: it does not end") from None
            if cells is None:
                raise WaitingError("it is empty")
            if lines.is_cut:
                raise WaitingError("it is cut off within the header")
            raw = "".join(lines.taken)
            offset += len(raw.encode("utf-8", "surrogateescape"))
            number += len(lines.taken)
            lines.release(len(lines.taken))
            if any(cell.strip() for cell in cells):
                break
    if (not raw.isascii() and not _is_utf8(raw)) or "\0" in raw:
        raise RefusedError("its header is not UTF-8 text; export it as UTF-8")
    return cells, offset, number, raw.endswith(("\n", "\r"))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(cell: str, position: int) -> str:
    """The column's name in dlt's spelling, changed if it collides with one of ours.

    dlt has no other letters: a header without Latin ones would be `x`, or a number.
    """
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    visible = "".join(one for one in cell if unicodedata.category(one) != "Cf")
    spelled = unicodedata.normalize("NFC", visible).strip()  # an accent is part of its letter
    if not LATIN.search(spelled):
        return f"unnamed_{position}"
    name: str = NamingConvention(NAME_LENGTH).normalize_identifier(spelled)
    if name in META_COLUMNS or name.startswith("_dlt"):
        return f"csv{name}"
    return name


def _unique(bases: tuple[str, ...]) -> tuple[str, ...]:
    """The names with repeated ones numbered: a, b, a -> a, b, a_2."""
    taken = set(bases)
    names: list[str] = []
    for base in bases:
        name, number = base, 1
        while name in names or (number > 1 and name in taken):
            number += 1
            name = f"{base}_{number}"
        names.append(name)
    return tuple(names)


@dataclass(frozen=True)
class Record:
    """A row of the file; `line` is its first line, from 1; `fault` is None for a valid one."""

    line: int
    cells: list[str]
    fault: str | None


class LongRecordError(Exception):
    """A row without end: a quote was opened and never closed."""


class Lines:
    """Physical lines of a text, bounded in length, that can be pushed back."""

    def __init__(self, text: TextIO, before: int = 0) -> None:
        self.before = before  # lines before those taken
        self.taken: list[str] = []
        self.is_cut = False  # the text ended within a record
        self._text = text
        self._back: deque[str] = deque()
        self._taken_size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._text.readline(MAX_RECORD_BYTES)
        if not line:
            self.is_cut = bool(self.taken)
            raise StopIteration
        if len(line) >= MAX_RECORD_BYTES and not line.endswith(("\n", "\r")):
            raise RefusedError(f"line {self.before + len(self.taken) + 1}: {LONG_LINE}")
        self.taken.append(line)
        self._taken_size += len(line)
        if self._taken_size > MAX_RECORD_BYTES:
            raise LongRecordError
        return line

    def release(self, count: int) -> None:
        """Finish this many of the lines taken, and push the others back."""
        self._back.extendleft(reversed(self.taken[count:]))
        self.before += count
        self.taken = []
        self._taken_size = 0
        self.is_cut = False


def records(text: TextIO, width: int, lines_before: int) -> Iterator[Record]:
    """Every row of the text; blank lines are skipped.

    Raises WaitingError where the text ends within a row, RefusedError for an endless line.
    """
    lines = Lines(text, lines_before)
    reader = csv.reader(lines)
    while True:
        cells: list[str] = []
        fault: str | None = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fault = LONG_CELL
        except LongRecordError:
            fault = OPEN_QUOTE
        fault = fault or _fault(cells, lines.taken, width)
        line = lines.before + 1
        if (fault or lines.is_cut) and _has_swallowed(lines, width):
            # A stray quote: only the line that opens it is bad; the others are read again.
            yield Record(line, [], OPEN_QUOTE)
            lines.release(1)
            reader = csv.reader(lines)
            continue
        if len(cells) == 1 and not cells[0].strip(END_MARKS):
            lines.release(len(lines.taken))
            continue
        if lines.is_cut:
            raise WaitingError(f"it is cut off within a quoted cell of line {line}")
        if cells and len(cells) < width and not lines.taken[-1].endswith(("\n", "\r")):
            raise WaitingError(f"it is cut off within line {line}")
        lines.release(len(lines.taken))
        if cells or fault:
            yield Record(line, cells, fault)


def is_like_a_row(text: str, width: int) -> bool:
    """Whether a line or a cell has the commas of a whole row."""
    return text.count(",") >= width - 1 > 0


def _has_swallowed(lines: Lines, width: int) -> bool:
    """Whether what was read as one row has whole rows after its first line.

    In a narrow file a sentence may look like a row: there a misplaced quote is required too.
    """
    if not any(is_like_a_row(line, width) for line in lines.taken[1:]):
        return False
    if width >= TELLING_WIDTH or _hold_rows(lines.taken, width):
        return True
    is_torn = lines.is_cut and not lines.taken[-1].endswith(("\n", "\r"))
    return not (is_torn or _is_strict(lines.taken))


def _hold_rows(lines: list[str], width: int) -> bool:
    """Whether a line within a record is a row by itself, as many cells wide as the header.

    Two stray quotes may each be in a valid position. A line of a note may have as many commas: it
    is no row if each has a blank or nothing behind it, unlike those of the first line. In a narrow
    file both must begin with a number, too.
    """
    first = _cells(lines[0])
    for line in lines[1:]:
        cells = _cells(line) if is_like_a_row(line, width) else []
        is_note = not (any(one and one[0] != " " for one in cells[1:]) or _has_blanks(first))
        is_numbered = _is_number(first[:1]) and _is_number(cells[:1])
        if len(cells) == width and not is_note and (width >= TELLING_WIDTH or is_numbered):
            return True
    return False


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _has_blanks(cells: list[str]) -> bool:
    return any(cell.startswith(" ") for cell in cells)


def _is_number(cells: list[str]) -> bool:
    return any(re.fullmatch("[0-9]+", cell.strip()) for cell in cells)


def _is_strict(lines: list[str]) -> bool:
    """Whether all quotes are in valid positions."""
    try:
        next(csv.reader(lines, strict=True))
    except csv.Error:
        return False
    return True


def _fault(cells: list[str], lines: list[str], width: int) -> str | None:
    if cells and len(cells) != width:
        return f"{counted(len(cells), 'cell')} instead of {width}"
    # Two stray quotes turn all rows between them into one row of the right width.
    may_be_many = len(lines) > 1 and any(is_like_a_row(cell, width) for cell in cells)
    if may_be_many and (not _is_strict(lines) or _hold_rows(lines, width)):
        return OPEN_QUOTE
    for line in lines:
        if "\0" in line:
            return "a NUL byte"
        if not line.isascii() and ESCAPED_BYTES.search(line):
            return "bytes that are not UTF-8"
        if len(line) > MAX_CELL_BYTES // 4 and any(
            len(cell.encode()) > MAX_CELL_BYTES for cell in cells
        ):
            return LONG_CELL
    return None
