"""A file's rows in batches, every cell as text: read by Arrow, or row by row where Arrow fails.

Only the tolerant reader knows rows that cannot be loaded: it keeps them as redacted dead letters,
up to a limit.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.model import DeadLetter
from ingest.privacy.policy import Policy
from ingest.privacy.texts import hide, longest, without_addresses
from ingest.sources.s3_exports.checks import Checks
from ingest.sources.s3_exports.csv_records import BOM, Header, Record, is_like_a_row, records
from ingest.sources.s3_exports.download import Content
from ingest.sources.s3_exports.limits import (
    BLOCK_BYTES,
    FEW_REJECTED,
    MAX_CELL_BYTES,
    MAX_REJECTED,
    MAX_REJECTED_SHARE,
    TOLERANT_BATCH_ROWS,
    AbnormalError,
    RefusedError,
)

UNPRINTABLE = re.compile("[\0\ud800-\udfff]")
CELL_LENGTH = 200
BOM_MARK = BOM.decode()
NAMED = 3  # rejected rows listed in a refusal


@dataclass(frozen=True)
class Batch:
    """Rows in the file's order: their numbers from 0 (int64), their cells by column."""

    row_ids: Any
    columns: dict[str, Any]

    @cached_property
    def longest(self) -> dict[str, int]:
        """The length in bytes of each column's longest cell."""
        return {name: longest(cells) for name, cells in self.columns.items()}


def fast_batches(content: Content, header: Header) -> Generator[Batch]:
    """The file's rows; an empty cell is null, quoted or not.

    Raises AbnormalError, perhaps after some batches, for what only the tolerant reader can handle:
    rows of another width, bytes that are not UTF-8, NUL, huge cells, stray quotes, a byte-order
    mark where a second file was appended to the first.
    """
    if content.has_nul:
        raise AbnormalError("a NUL byte")
    if content.bytes_from(header.offset).read(len(BOM)) == BOM:
        raise AbnormalError("a byte-order mark")
    # A row of ours appended at the end: it comes back intact only if the last quote is closed.
    guard = secrets.token_hex(16)
    row = ("\n" + ",".join([guard] * header.width) + "\n").encode()
    try:
        with pa.PythonFile(content.bytes_from(header.offset, row), mode="r") as file:
            yield from _until_guard(_parsed(file, header), guard)
    except pa.ArrowException as error:
        raise AbnormalError(type(error).__name__) from None


def _parsed(file: Any, header: Header) -> Iterator[Any]:
    return iter(
        pacsv.open_csv(
            file,
            pacsv.ReadOptions(block_size=BLOCK_BYTES, column_names=list(header.names)),
            pacsv.ParseOptions(newlines_in_values=True),
            pacsv.ConvertOptions(
                column_types={name: pa.string() for name in header.names},
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    )


def _until_guard(parsed: Iterator[Any], guard: str) -> Iterator[Batch]:
    held = None
    count = 0
    for batch in parsed:
        if batch.num_rows == 0:
            continue
        if held is not None:
            yield _checked(held, count)
            count += held.num_rows
        held = batch
    if held is None or any(column[-1].as_py() != guard for column in held.columns):
        raise AbnormalError("an open quote at the end")
    if held.num_rows > 1:
        yield _checked(held.slice(0, held.num_rows - 1), count)


def _checked(batch: Any, first: int) -> Batch:
    width = batch.num_columns
    if pc.any(pc.starts_with(batch.columns[0], BOM.decode())).as_py():
        raise AbnormalError("a byte-order mark")
    row_ids = pa.array(range(first, first + batch.num_rows), pa.int64())
    checked = Batch(row_ids, dict(zip(batch.schema.names, batch.columns, strict=True)))
    for name, size in checked.longest.items():
        if size > MAX_CELL_BYTES:
            raise AbnormalError("a huge cell")
        if size >= width > 1:
            column = checked.columns[name]
            long = column.filter(pc.greater_equal(pc.binary_length(column), width))
            for cell in long.filter(pc.match_substring_regex(long, "[\r\n]")).to_pylist():
                if is_like_a_row(cell, width):
                    raise AbnormalError("a cell like a row")
    return checked


class TolerantReader:
    """Reads a file that Arrow fails on; `dead_letters` are complete once it is read."""

    def __init__(
        self,
        content: Content,
        header: Header,
        file_name: str,
        policy: Policy,
        checks: Checks | None = None,
    ) -> None:
        self.dead_letters: list[DeadLetter] = []
        self._content = content
        self._header = header
        self._file_name = file_name
        self._policy = policy
        self._checks = checks if checks is not None and checks.has_key else None

    def batches(self) -> Iterator[Batch]:
        """The valid rows, as the fast reader would return them.

        Raises RefusedError if too many are invalid, WaitingError if the file is cut off.
        """
        names = self._header.names
        row_ids: list[int] = []
        rows: list[list[str]] = []
        size = count = loose = 0
        with self._content.text_from(self._header.offset) as text:
            for record in records(text, self._header.width, self._header.lines):
                # start of an appended second file
                if record.cells and record.cells[0].startswith(BOM_MARK):
                    record = replace(record, cells=[record.cells[0][1:], *record.cells[1:]])
                if self._checks and record.fault is None and not any(record.cells):
                    continue  # a spreadsheet's empty line
                count += 1
                loose += record.fault is not None
                if self._checks and record.fault is None:
                    cells = dict(zip(names, record.cells, strict=True))
                    record = replace(record, fault=self._checks.fault(cells))
                if record.fault is not None:
                    self._reject(record)
                    continue
                row_ids.append(count - 1)
                rows.append(record.cells)
                size += sum(map(len, record.cells))
                if len(rows) >= TOLERANT_BATCH_ROWS or size > BLOCK_BYTES:
                    yield _batch(names, row_ids, rows)
                    row_ids, rows, size = [], [], 0
        allowed = max(FEW_REJECTED, int(count * MAX_REJECTED_SHARE))
        if len(self.dead_letters) > allowed or loose == count > 1:
            raise self._refusal(f"{len(self.dead_letters):,} of {count:,} rows are bad")
        if rows:
            yield _batch(names, row_ids, rows)

    def _reject(self, record: Record) -> None:
        letter = DeadLetter(self._file_name, record.fault or "", self._payload(record), record.line)
        self.dead_letters.append(letter)
        if len(self.dead_letters) > MAX_REJECTED:
            raise self._refusal(f"more than {MAX_REJECTED:,} of its rows are bad")

    def _refusal(self, what: str) -> RefusedError:
        named = "; ".join(
            f"line {one.line_number}: {one.reason}" for one in self.dead_letters[:NAMED]
        )
        return RefusedError(f"{what} ({named}); export it again")

    def _payload(self, record: Record) -> str:
        """What may be kept of the row, as JSON: no personal data, no card data.

        In a row of another width it is unknown which cell belongs to which column, so only the
        first is kept, if it is a plain number such as an order id.
        """
        cells: dict[str, str] = {}
        if len(record.cells) == self._header.width:
            for name, base, cell in zip(
                self._header.names, self._header.bases, record.cells, strict=True
            ):
                if cell and self._policy.action(base) == "keep":
                    plain = without_addresses(hide(UNPRINTABLE.sub("\ufffd", cell)))
                    cells[name] = plain[:CELL_LENGTH]
        elif record.cells and re.fullmatch("[0-9]{1,12}", record.cells[0]):
            base = self._header.bases[0]
            if self._policy.action(base) == "keep":
                cells[base] = record.cells[0]
        return json.dumps(
            {"cells": len(record.cells), "expected": self._header.width, "kept": cells},
            ensure_ascii=False,
        )


def _batch(names: tuple[str, ...], row_ids: list[int], rows: list[list[str]]) -> Batch:
    columns = zip(*rows, strict=True)
    return Batch(
        pa.array(row_ids, pa.int64()),
        {
            name: pa.array([cell or None for cell in cells], pa.string())
            for name, cells in zip(names, columns, strict=True)
        },
    )
