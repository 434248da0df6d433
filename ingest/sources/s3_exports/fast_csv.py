"""The fast reader: Arrow parses the file block by block, every cell as text."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.sources.s3_exports.csv_records import is_like_a_row
from ingest.sources.s3_exports.download import Content
from ingest.sources.s3_exports.header import BOM, Header
from ingest.sources.s3_exports.limits import BLOCK_BYTES, MAX_CELL_BYTES, AbnormalError


@dataclass(frozen=True)
class Batch:
    """Rows in the file's order: their numbers from 0 (int64), their cells by column."""

    row_ids: Any
    columns: dict[str, Any]


def fast_batches(content: Content, header: Header) -> Iterator[Batch]:
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
    for column in batch.columns:
        sizes = pc.binary_length(column)
        longest = pc.max(sizes).as_py() or 0
        if longest > MAX_CELL_BYTES:
            raise AbnormalError("a huge cell")
        if longest >= width > 1:
            long = column.filter(pc.greater_equal(sizes, width))
            for cell in long.filter(pc.match_substring_regex(long, "[\r\n]")).to_pylist():
                if is_like_a_row(cell, width):
                    raise AbnormalError("a cell like a row")
    row_ids = pa.array(range(first, first + batch.num_rows), pa.int64())
    return Batch(row_ids, dict(zip(batch.schema.names, batch.columns, strict=True)))
