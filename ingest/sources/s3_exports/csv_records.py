"""The tolerant CSV reader: record by record, each with its line number and error.

Ten times slower than Arrow's reader, and used only where that one fails. For valid rows both give
the same cells.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from ingest.sources.s3_exports.limits import (
    MAX_CELL_BYTES,
    MAX_RECORD_BYTES,
    TELLING_WIDTH,
    RefusedError,
    WaitingError,
)
from signalroom.plural import counted

# limit of the process; the csv module's default is an eighth of it
csv.field_size_limit(MAX_CELL_BYTES)
ESCAPED_BYTES = re.compile("[\ud800-\udfff]")
OPEN_QUOTE = "a quoted cell that never closes"
LONG_CELL = f"a cell of more than {MAX_CELL_BYTES >> 20} MB"
LONG_LINE = f"a line of more than {MAX_RECORD_BYTES >> 20} MB"


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
    if width >= TELLING_WIDTH:
        return True
    is_torn = lines.is_cut and not lines.taken[-1].endswith(("\n", "\r"))
    return not (is_torn or _is_strict(lines.taken))


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
    if may_be_many and not _is_strict(lines):
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
