"""The files that dlt imports unchanged: Parquet, or what PostgreSQL's COPY reads.

PostgreSQL reads its own text format a third faster than CSV with quotes, and Arrow writes it in
half the time (docs/benchmarks.md): the product's destination gets that. Plain dlt knows only CSV.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ingest.privacy.texts import contained
from signalroom.dlt_destinations import COPY_DELIMITER

FileFormat = Literal["copy", "csv", "parquet", "arrow"]  # the last is no file
# A backslash first. Arrow writes no quote without quoting, and COPY reads a byte by its number.
ESCAPES = {
    b"\\": r"\\",
    b"\n": r"\n",
    b"\r": r"\r",
    b'"': r"\x22",
    COPY_DELIMITER.encode(): rf"\x{ord(COPY_DELIMITER):02x}",
}


def dlt_format(file_format: FileFormat) -> Any:
    """What dlt calls the format."""
    return "csv" if file_format == "copy" else file_format


class ImportFile:
    """Arrow tables of one schema in one file; an empty text is null, except in Parquet."""

    def __init__(self, path: Path, file_format: FileFormat, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self.rows = 0
        self._is_copy = file_format == "copy"
        self._dlt_format = dlt_format(file_format)
        if file_format == "copy":
            if len(schema) < 2 or any(_is_other_text(kind) for kind in schema.types):
                raise TypeError(f"two columns, and texts as string, can be copied, not {schema}")
            options = pacsv.WriteOptions(delimiter=COPY_DELIMITER, quoting_style="none")
            self._writer: Any = pacsv.CSVWriter(str(path), schema, write_options=options)
        elif file_format == "csv":
            self._writer = pacsv.CSVWriter(str(path), schema)
        else:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(
                str(path), schema, compression="lz4", use_dictionary=False
            )

    def write(self, tables: Iterable[Any]) -> None:
        """Append tables."""
        for table in tables:
            self._writer.write_table(_escaped(table) if self._is_copy else table)
            self.rows += len(table)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def as_item(self, hints: Any = None) -> Any:
        """What a resource yields for the file; types come from `hints`, or else its schema."""
        import dlt

        types = self.schema.empty_table() if hints is None else hints
        return dlt.mark.with_file_import(str(self.path), self._dlt_format, self.rows, types)


def _is_other_text(kind: Any) -> bool:
    """Whether cells of the type would be copied without escapes."""
    types = pa.types
    return not (
        types.is_string(kind)
        or types.is_null(kind)
        or types.is_primitive(kind)
        or types.is_decimal(kind)
    )


def _escaped(table: pa.Table) -> pa.Table:
    """The table with the characters escaped that mean something to COPY."""
    for number, column in enumerate(table.columns):
        if not pa.types.is_string(column.type):
            continue
        if found := contained(column, tuple(ESCAPES)):
            for mark in found:
                column = pc.replace_substring(column, mark.decode(), ESCAPES[mark])
            table = table.set_column(number, table.schema.field(number), column)
    return table
