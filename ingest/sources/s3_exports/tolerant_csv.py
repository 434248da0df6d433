"""Rows that cannot be loaded: their redacted dead letters, and the limit on their number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from ingest.model import DeadLetter
from ingest.privacy.cards import hide
from ingest.privacy.policy import Policy
from ingest.sources.s3_exports.checks import Checks
from ingest.sources.s3_exports.csv_records import Record, records
from ingest.sources.s3_exports.download import Content
from ingest.sources.s3_exports.fast_csv import Batch
from ingest.sources.s3_exports.header import BOM, Header
from ingest.sources.s3_exports.limits import (
    BLOCK_BYTES,
    FEW_REJECTED,
    MAX_REJECTED,
    MAX_REJECTED_SHARE,
    TOLERANT_BATCH_ROWS,
    RefusedError,
)

UNPRINTABLE = re.compile("[\0\ud800-\udfff]")
CELL_LENGTH = 200
BOM_MARK = BOM.decode()
NAMED = 3  # rejected rows listed in a refusal


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
                    cells[name] = hide(UNPRINTABLE.sub("\ufffd", cell))[:CELL_LENGTH]
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
