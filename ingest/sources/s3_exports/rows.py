"""A file's rows as the raw table wants them: policy applied, sums taken, metadata added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.privacy.cards import CardScan
from ingest.privacy.policy import Policy
from ingest.privacy.rows import Protection
from ingest.sources.s3_exports.fast_csv import Batch
from ingest.sources.s3_exports.header import Header
from ingest.sources.s3_exports.settings import KNOWN_COLUMNS, RefusedError

AMOUNT = "total_amount"
PLAIN_AMOUNT = "^-?[0-9]{1,12}([.][0-9]{1,18})?$"
AMOUNT_TYPE = pa.decimal128(38, 18)
EXACT = Context(prec=60)  # Python's default keeps 28 digits
META = {
    "_client_id": pa.string(),
    "_file_name": pa.string(),
    "_row_id": pa.int64(),
    "_file_date": pa.date32(),
    "_deleted": pa.bool_(),
}


@dataclass(frozen=True)
class Origin:
    """Where rows come from; `file_name` is the key below the bucket."""

    client_id: str
    table: str
    file_name: str
    file_date: date


class Shape:
    """Turns batches of one file into tables of one schema, and looks through them on the way.

    `rows` and `amount` are of what was shaped so far.
    """

    def __init__(self, origin: Origin, header: Header, policy: Policy) -> None:
        self.rows = 0
        self.amount = Decimal(0)
        self._origin = origin
        self._hashed: set[str] = set()
        self._scans: dict[str, CardScan] = {}
        kept: list[str] = []
        for name, base in zip(header.names, header.bases, strict=True):
            action = policy.action(base)
            if action == "hash":
                self._hashed.add(name)
            elif action == "keep" or policy.is_card(base):
                self._scans[name] = CardScan(policy.is_identifier(base), policy.is_card(base))
            if action != "drop":
                kept.append(name)
        if not kept:
            raise RefusedError("the privacy policy keeps none of its columns")
        self.has_amount = AMOUNT in kept and AMOUNT not in self._hashed
        self._bases = dict(zip(header.names, header.bases, strict=True))
        self._protection = Protection("s3_exports", origin.table, origin.client_id)
        known = [
            name for name in KNOWN_COLUMNS.get(origin.table, ()) if policy.action(name) != "drop"
        ]
        columns = dict.fromkeys([*known, *kept])
        self._schema = pa.schema([*((name, pa.string()) for name in columns), *META.items()])

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
        """The rows of a batch, as they go into the raw table."""
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
        arrays = []
        for field in self._schema:
            found = ours.get(field.name)
            if found is None:
                found = self._column(batch, field.name)
            arrays.append(pa.nulls(count, field.type) if found is None else found)
        return pa.table(arrays, schema=self._schema)

    def _column(self, batch: Batch, name: str) -> Any:
        cells = batch.columns.get(name)
        return None if cells is None else self._protection.array(self._bases[name], cells)

    def check_cards(self) -> None:
        """Raise RefusedError where a column holds card numbers; the message holds none."""
        found = [name for name, scan in self._scans.items() if scan.has_cards]
        if found:
            raise RefusedError(
                f"full card numbers in the column {', '.join(found)}; export it masked, or, "
                "where these are no cards, name the column under identifiers in data/privacy.yml"
            )


def _sum(cells: Any) -> Decimal:
    """The exact sum of the cells that are plain numbers; others are left to the models."""
    plain = cells.filter(pc.match_substring_regex(cells, PLAIN_AMOUNT))
    total: Decimal | None = pc.sum(plain.cast(AMOUNT_TYPE)).as_py()
    return Decimal(0) if total is None else total
