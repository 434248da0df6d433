"""Rows on their way into the load: files that dlt imports unchanged.

PostgreSQL copies CSV, DuckDB and others read Parquet; without a load they are Arrow tables. All
exports with the same columns share a file: the load's cost is per file, and all of a pull's rows
appear in their table at once. An export is buffered until it is accepted, so that a refused one
leaves nothing; a thread writes it while the next one is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from ingest.sources.s3_exports.limits import HELD_BYTES
from ingest.table_rows import ImportFile


class Rows:
    """One export's rows: in memory while they are few, otherwise in an Arrow file."""

    def __init__(self, path: Path) -> None:
        self.held: list[Any] = []
        self.size = 0
        self.schema: Any = None
        self.is_kept = False
        self._path = path
        self._kept: Any = None

    def add(self, table: Any) -> None:
        """Add a table; all have the same schema."""
        self.schema = table.schema
        self.held.append(table)
        self.size += table.nbytes
        if self.size > HELD_BYTES and not self.is_kept:
            self.is_kept = True
            self._kept = pa.ipc.new_file(str(self._path), table.schema)
        if self.is_kept:
            held, self.held = self.held, []
            for one in held:
                self._kept.write_table(one)

    def end(self) -> None:
        """Finish writing."""
        if self.is_kept:
            self._kept.close()

    def tables(self) -> Iterator[Any]:
        """The rows; those in a file can be read only once."""
        yield from self.held
        if self.is_kept:
            with pa.OSFile(str(self._path)) as file, pa.ipc.open_file(file) as kept:
                for number in range(kept.num_record_batches):
                    yield pa.Table.from_batches([kept.get_batch(number)])
            self._path.unlink()

    def discard(self) -> None:
        """Remove the file."""
        self.held = []
        if self.is_kept:
            self._kept.close()
            self._path.unlink()


class Output:
    """Collects the rows of accepted exports, and returns the files to import."""

    def __init__(self, folder: Path, file_format: str) -> None:
        self._folder = folder
        self._format = file_format
        self._count = 0
        self._held: list[Any] = []
        self._size = 0
        self._files: dict[Any, ImportFile] = {}  # by schema
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def rows(self) -> Rows:
        """A buffer for one export's rows."""
        return Rows(self._path("arrow"))

    def accept(self, rows: Rows) -> Iterator[Any]:
        """Add an export's rows; without a load they are passed on at once."""
        if self._format == "arrow":
            yield from rows.tables()
        elif rows.is_kept:
            self._write(rows.schema, rows.tables())
        else:
            if self._held and (
                self._size + rows.size > HELD_BYTES or self._held[0].schema != rows.schema
            ):
                self._release()
            self._held += rows.held
            self._size += rows.size

    def flush(self) -> Iterator[Any]:
        """The finished files."""
        self._release()
        while self._waiting:
            self._waiting.popleft().result()
        pa.default_memory_pool().release_unused()  # the load needs memory too
        for file in self._files.values():
            file.close()
            yield file.as_item()
            file.path.unlink()  # dlt has its own link

    def _release(self) -> None:
        held, self._held, self._size = self._held, [], 0
        if held:
            self._write(held[0].schema, [pa.concat_tables(held)])

    def _write(self, schema: Any, tables: Iterable[Any]) -> None:
        """Have the thread write, one export behind; raises its earlier error."""
        if schema not in self._files:
            ending = "csv" if self._format == "csv" else "parquet"
            self._files[schema] = ImportFile(self._path(ending), ending, schema)
        self._waiting.append(self._thread.submit(self._files[schema].write, tables))
        if len(self._waiting) > 1:
            self._waiting.popleft().result()

    def _path(self, ending: str) -> Path:
        self._count += 1
        return self._folder / f"export-{self._count}.{ending}"
