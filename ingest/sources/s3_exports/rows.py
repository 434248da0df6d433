"""A file's rows in the form of the raw table: policy applied, sums computed, metadata added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.privacy.cards import CardScan
from ingest.privacy.rows import Protection
from ingest.sources.s3_exports.fast_csv import Batch
from ingest.sources.s3_exports.header import Header
from ingest.sources.s3_exports.limits import ROW_BYTES, TABLE_COLUMNS, WIDE_FROM, RefusedError

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

    def __init__(self, columns: Iterable[str], has_pages: bool) -> None:
        self._columns = set(columns)
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
