"""A file that dlt imports unchanged: PostgreSQL copies CSV, DuckDB and others read Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv


class ImportFile:
    """Arrow tables of one schema, written as CSV or Parquet."""

    def __init__(self, path: Path, file_format: Any, schema: pa.Schema) -> None:
        self.path = path
        self.schema = schema
        self.file_format = file_format
        self.rows = 0
        if file_format == "csv":
            options = pacsv.WriteOptions(include_header=True, quoting_style="needed")
            self._writer: Any = pacsv.CSVWriter(str(path), schema, write_options=options)
        else:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(
                str(path), schema, compression="lz4", use_dictionary=False
            )

    def write(self, tables: Iterable[Any]) -> None:
        """Append tables."""
        for table in tables:
            self._writer.write_table(table)
            self.rows += len(table)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def as_item(self, hints: Any = None) -> Any:
        """What a resource yields for the file; types come from `hints`, or else its schema."""
        import dlt

        types = self.schema.empty_table() if hints is None else hints
        return dlt.mark.with_file_import(str(self.path), self.file_format, self.rows, types)
