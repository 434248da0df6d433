"""Rows of one file, held back until all of it is known to be good."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa

from ingest.sources.s3_exports.settings import HELD_BYTES


class Spool:
    """Arrow tables of one schema; a little stays in memory, the rest goes to a file."""

    def __init__(self) -> None:
        self._held: list[Any] = []
        self._held_bytes = 0
        self._file: Any = None
        self._writer: Any = None

    def add(self, table: Any) -> None:
        """Take a table."""
        self._held.append(table)
        self._held_bytes += table.nbytes
        if self._held_bytes > HELD_BYTES:
            self._spill(table.schema)

    def _spill(self, schema: Any) -> None:
        if self._writer is None:
            self._file = TemporaryFile(prefix="signalroom-s3-")  # noqa: SIM115
            self._writer = pa.ipc.new_stream(self._file, schema)
        for table in self._held:
            self._writer.write_table(table)
        self._held, self._held_bytes = [], 0

    def tables(self) -> Iterator[Any]:
        """Every table once, in order; the spool is empty afterwards."""
        if self._writer is not None:
            self._writer.close()
            self._file.seek(0)
            with self._file, pa.ipc.open_stream(self._file) as reader:
                for batch in reader:
                    yield pa.Table.from_batches([batch])
        held, self._held = self._held, []
        yield from held
