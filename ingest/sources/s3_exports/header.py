"""The header line: unique names as in the raw table, a fingerprint, and what is missing."""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from dataclasses import dataclass

from ingest.sources.s3_exports.csv_records import Lines, LongRecordError
from ingest.sources.s3_exports.download import Content
from ingest.sources.s3_exports.limits import (
    KNOWN_COLUMNS,
    MAX_COLUMNS,
    META_COLUMNS,
    PROSPECT_IDS,
    REQUIRED_COLUMNS,
    RefusedError,
    WaitingError,
)

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
    if all(re.fullmatch("'.*'", cell.strip(), re.DOTALL) for cell in cells):
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
    """The column's name in dlt's spelling, changed if it collides with one of ours."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    spelled = "".join(one for one in cell if unicodedata.category(one) != "Cf").strip()
    name: str = NamingConvention(NAME_LENGTH).normalize_identifier(spelled) if spelled else ""
    if not name.strip("_"):
        return f"unnamed_{position}"
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
