"""Rows on their way into the load: files that dlt imports as they are.

PostgreSQL copies CSV, DuckDB and others read Parquet; without a load they are Arrow tables. A large
export gets a file of its own, so that a refused one leaves nothing; small ones share one, for each
costs the load the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from ingest.sources.s3_exports.limits import HELD_BYTES

BATCH_ROWS = 20_000


class ImportFile:
    """Arrow tables of one schema, written as CSV or Parquet."""

    def __init__(self, path: Path, file_format: Any, schema: Any) -> None:
        self.path = path
        self.schema = schema
        self.file_format = file_format
        self.rows = 0
        if file_format == "csv":
            options = pacsv.WriteOptions(include_header=True, quoting_style="needed")
            self._writer: Any = pacsv.CSVWriter(str(path), schema, write_options=options)
        else:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(str(path), schema, compression="lz4")

    def write(self, table: Any) -> None:
        """Append a table."""
        self._writer.write_table(table)
        self.rows += len(table)

    def close(self) -> None:
        """End the file."""
        self._writer.close()

    def as_item(self) -> Any:
        """What a resource yields for the file; the columns' types come from its schema."""
        import dlt

        hints = self.schema.empty_table()
        return dlt.mark.with_file_import(str(self.path), self.file_format, self.rows, hints)


class Rows:
    """One export's rows: in memory while they are few, otherwise in a file."""

    def __init__(self, output: Output) -> None:
        self.held: list[Any] = []
        self.file: ImportFile | None = None
        self._output = output
        self._size = 0

    def add(self, table: Any) -> None:
        """Take a table; all of one schema."""
        if self.file is None:
            self.held.append(table)
            self._size += table.nbytes
            if self._size <= HELD_BYTES:
                return
            self.file = self._output.new_file(table.schema)
            held, self.held = self.held, []
        else:
            held = [table]
        for one in held:
            self.file.write(one)

    def discard(self) -> None:
        """Leave nothing behind."""
        self.held = []
        if self.file is not None:
            self.file.close()
            self.file.path.unlink()


class Output:
    """Collects the rows of accepted exports, and gives the files to import."""

    def __init__(self, folder: Path, file_format: str) -> None:
        self._folder = folder
        self._format = file_format
        self._count = 0
        self._held: list[Any] = []
        self._size = 0

    def new_file(self, schema: Any) -> ImportFile:
        """A file in the folder."""
        self._count += 1
        ending = "csv" if self._format == "csv" else "parquet"
        return ImportFile(self._folder / f"export-{self._count}.{ending}", ending, schema)

    def accept(self, rows: Rows) -> Iterator[Any]:
        """The files that are complete with these rows."""
        if rows.file is not None:
            yield from self._import(rows.file)
            return
        size = sum(table.nbytes for table in rows.held)
        if self._held and (
            self._size + size > HELD_BYTES or self._held[0].schema != rows.held[0].schema
        ):
            yield from self.flush()
        self._held += rows.held
        self._size += size

    def flush(self) -> Iterator[Any]:
        """What is still held, as a file."""
        held, self._held, self._size = self._held, [], 0
        if held and self._format == "arrow":
            yield pa.concat_tables(held)
        elif held:
            file = self.new_file(held[0].schema)
            file.write(pa.concat_tables(held))
            yield from self._import(file)

    def _import(self, file: ImportFile) -> Iterator[Any]:
        file.close()
        if self._format == "arrow":
            import pyarrow.parquet as pq

            for batch in pq.ParquetFile(file.path).iter_batches(BATCH_ROWS):
                yield pa.Table.from_batches([batch])
        else:
            yield file.as_item()
        file.path.unlink()  # dlt has a link of its own
