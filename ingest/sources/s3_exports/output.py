"""A file's rows on their way into the load: as in the raw table, then in files that dlt imports.

First the policy is applied, sums are computed and metadata is added. PostgreSQL copies text, DuckDB
and others read Parquet; without a load the rows are Arrow tables. All exports with the same columns
share a file: the load's cost is per file, and all of a pull's rows appear in their table at once.
An export is buffered until it is accepted, so that a refused one leaves nothing; a thread writes it
while the next one is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from ingest.import_file import FileFormat, ImportFile
from ingest.privacy.rows import Protection
from ingest.privacy.texts import SHORTEST, CardScan
from ingest.sources.s3_exports.batches import Batch
from ingest.sources.s3_exports.csv_records import Header
from ingest.sources.s3_exports.limits import (
    HELD_BYTES,
    ROW_BYTES,
    TABLE_COLUMNS,
    WIDE_FROM,
    RefusedError,
)

AMOUNT = "total_amount"
PLAIN_AMOUNT = "^-?[0-9]{1,12}([.][0-9]{1,18})?$"
AMOUNT_TYPE = pa.decimal128(38, 18)
EXACT = Context(prec=60)  # Python's default keeps 28 digits
# Types and nullability must match dlt's schema: otherwise dlt writes each file a second time.
META = (
    pa.field("_client_id", pa.string(), nullable=False),
    pa.field("_file_name", pa.string(), nullable=False),
    pa.field("_row_id", pa.int64()),
    pa.field("_file_date", pa.date32()),
    pa.field("_deleted", pa.bool_()),
)


@dataclass(frozen=True)
class Origin:
    """Where rows come from; `file_name` is the key in the bucket."""

    client_id: str
    table: str
    file_name: str
    file_date: date


class TableLimits:
    """What a table can still hold: PostgreSQL allows 1,600 columns, and a row must fit in one page.

    A file that exceeds this is refused by name; otherwise it would fail the load of all files.
    """

    def __init__(self, columns: set[str], has_pages: bool) -> None:
        self._columns = columns  # which `add` extends
        self._has_pages = has_pages

    def check(self, header: Header) -> None:
        """Raise RefusedError if the table would get too many columns."""
        count = len(self._columns | set(header.names))
        if count > TABLE_COLUMNS:
            raise RefusedError(
                f"with its {header.width:,} columns the table would have {count:,}, more than "
                f"{TABLE_COLUMNS:,}; export fewer columns"
            )

    def add(self, columns: Iterable[str]) -> None:
        """Count the columns of a file that is loaded."""
        self._columns.update(columns)

    def check_rows(self, table: Any) -> None:
        """Raise RefusedError where a row is larger than a page of PostgreSQL.

        Cells of more than 24 bytes are stored out of line, with an 18-byte pointer.
        """
        if not self._has_pages or table.num_columns < WIDE_FROM:
            return
        bitmap = len(self._columns | set(table.column_names)) // 8
        sizes = pa.repeat(24 + bitmap, len(table))
        for column in table.columns:
            if pa.types.is_string(column.type):
                cells = pc.add(pc.fill_null(pc.binary_length(column), -1), 1)
                sizes = pc.add(sizes, pc.if_else(pc.greater(cells, 24), 18, cells))
            else:
                sizes = pc.add(sizes, 8)
        if (pc.max(sizes).as_py() or 0) > ROW_BYTES:
            raise RefusedError(
                "a row with so many filled columns is larger than PostgreSQL can hold; export "
                "fewer columns"
            )


class Shape:
    """Turns batches of one file into tables of one schema, and checks them on the way.

    `rows` and `amount` are the totals so far; `columns` are those that are kept.
    """

    def __init__(
        self, origin: Origin, header: Header, protection: Protection, limits: TableLimits
    ) -> None:
        self.rows = 0
        self.amount = Decimal(0)
        self._origin = origin
        self._protection = protection
        self._limits = limits
        self._bases = dict(zip(header.names, header.bases, strict=True))
        self._scans: dict[str, CardScan] = {}
        policy = protection.policy
        kept: list[str] = []
        for name, base in self._bases.items():
            action = protection.action(base)
            if action == "keep" or policy.is_card(base):
                self._scans[name] = CardScan(policy.is_identifier(base), policy.is_card(base))
            if action != "drop":
                kept.append(name)
        if not kept:
            raise RefusedError("the privacy policy keeps none of its columns")
        self.has_amount = AMOUNT in kept and protection.action(AMOUNT) == "keep"
        self.columns = tuple(kept)
        self._schema = pa.schema([*(pa.field(name, pa.string()) for name in kept), *META])

    def tombstone(self) -> Any:
        """One row that clears the file's earlier rows."""
        ours = {
            "_client_id": self._origin.client_id,
            "_file_name": self._origin.file_name,
            "_deleted": True,
        }
        return pa.table(
            [pa.array([ours.get(field.name)], field.type) for field in self._schema],
            schema=self._schema,
        )

    def table(self, batch: Batch) -> Any:
        """The rows of a batch, in the form of the raw table."""
        for name, scan in self._scans.items():
            if batch.longest[name] >= SHORTEST:
                scan.look(batch.columns[name])
        count = len(batch.row_ids)
        self.rows += count
        if self.has_amount:
            self.amount = EXACT.add(self.amount, _sum(batch.columns[AMOUNT]))
        ours = {
            "_client_id": pa.repeat(self._origin.client_id, count),
            "_file_name": pa.repeat(self._origin.file_name, count),
            "_row_id": batch.row_ids,
            "_file_date": pa.repeat(pa.scalar(self._origin.file_date, pa.date32()), count),
        }
        arrays = [
            self._protection.array(self._bases[name], batch.columns[name]) for name in self.columns
        ]
        arrays += [ours.get(one.name, pa.nulls(count, one.type)) for one in META]
        table = pa.table(arrays, schema=self._schema)
        self._limits.check_rows(table)
        return table

    def check_cards(self) -> None:
        """Raise RefusedError where a column holds card numbers; the message contains none."""
        found = [name for name, scan in self._scans.items() if scan.has_cards]
        if found:
            raise RefusedError(
                f"full card numbers in the column {', '.join(found)}; export it masked, "
                "or name the column under identifiers in data/privacy.yml if it holds other numbers"
            )


def _sum(cells: Any) -> Decimal:
    """The exact sum of the cells that are plain numbers; the models handle the others."""
    plain = cells.filter(pc.match_substring_regex(cells, PLAIN_AMOUNT))
    total: Decimal | None = pc.sum(plain.cast(AMOUNT_TYPE)).as_py()
    return Decimal(0) if total is None else total


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

    def __init__(self, folder: Path, file_format: FileFormat) -> None:
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
            self._files[schema] = ImportFile(self._path(self._format), self._format, schema)
        self._waiting.append(self._thread.submit(self._files[schema].write, tables))
        if len(self._waiting) > 1:
            self._waiting.popleft().result()

    def _path(self, ending: str) -> Path:
        self._count += 1
        return self._folder / f"export-{self._count}.{ending}"
