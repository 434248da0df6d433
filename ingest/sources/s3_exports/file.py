"""One file from the bucket to rows: read whole and checked before any row is given away."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ingest.landing import ControlTotal, DeadLetter, FileRecord
from ingest.privacy.policy import Policy
from ingest.sources.s3_exports.bucket import Bucket, StoredFile
from ingest.sources.s3_exports.download import stored
from ingest.sources.s3_exports.errors import AbnormalError, RefusedError, WaitingError
from ingest.sources.s3_exports.fast_csv import Batch, fast_batches
from ingest.sources.s3_exports.header import read_header
from ingest.sources.s3_exports.rows import AMOUNT, Origin, Shape
from ingest.sources.s3_exports.settings import (
    LIMITS,
    MAX_ROWS,
    MAX_STORED_BYTES,
    REQUIRED_COLUMNS,
)
from ingest.sources.s3_exports.spool import Spool
from ingest.sources.s3_exports.tolerant_csv import TolerantReader
from signalroom import clock

DAY = re.compile(
    r"(?<![0-9])(20[0-9]{2})([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12][0-9]|3[01])(?![0-9])"
)


@dataclass(frozen=True)
class Accepted:
    """A file that can be loaded: what is said about it, and its rows, to be read once."""

    record: FileRecord
    total: ControlTotal
    dead_letters: tuple[DeadLetter, ...]
    columns: tuple[str, ...]
    spool: Spool


def take(bucket: Bucket, file: StoredFile, table: str, policy: Policy) -> Accepted:
    """Read a file.

    Raises NotLoadedError and its kinds for a file that stays out, SourceError for one that cannot
    be read; nothing of it is left then.
    """
    if file.size_bytes == 0:
        raise WaitingError("it is empty")
    if file.size_bytes > MAX_STORED_BYTES:
        raise RefusedError(f"it is larger than {MAX_STORED_BYTES >> 30} GB")
    origin = Origin(policy.client_id, table, file.key, file_date(file))
    with stored(bucket.pieces(file)) as content:
        header = read_header(content, table)
        shape = Shape(origin, header, policy)
        letters: list[DeadLetter] = []
        try:
            spool = _held(shape, fast_batches(content, header))
        except AbnormalError:
            shape = Shape(origin, header, policy)
            reader = TolerantReader(content, header, file.key, policy)
            spool = _held(shape, reader.batches())
            letters = reader.dead_letters
    totals: dict[str, Decimal | int] = {"rows": shape.rows}
    if shape.has_amount:
        totals[AMOUNT] = shape.amount
    return Accepted(
        record=record(
            file,
            "loaded",
            row_count=shape.rows,
            rejected_rows=len(letters),
            header=header.fingerprint,
        ),
        total=ControlTotal(file.key, None, totals, content.digest),
        dead_letters=tuple(letters),
        columns=header.bases,
        spool=spool,
    )


def _held(shape: Shape, batches: Iterator[Batch]) -> Spool:
    """All rows of a file, behind the one that clears its earlier rows."""
    spool = Spool()
    spool.add(shape.tombstone())
    for batch in batches:
        spool.add(shape.table(batch))
        if shape.rows > MAX_ROWS:
            raise RefusedError(f"it has more than {MAX_ROWS:,} rows")
    shape.check_cards()
    return spool


def rules_digest(policy: Policy, table: str) -> str:
    """Identifies the rules by which a table's files are refused."""
    rules = (policy, REQUIRED_COLUMNS.get(table), LIMITS)
    return f"rules {hashlib.sha256(repr(rules).encode()).hexdigest()[:16]}"


def record(file: StoredFile, status: Any, **what: Any) -> FileRecord:
    """What the ledger says of a file."""
    return FileRecord(
        file_name=file.key,
        etag=file.etag,
        size_bytes=file.size_bytes,
        modified_at=file.modified_at,
        status=status,
        **what,
    )


def file_date(file: StoredFile) -> date:
    """The day in the file's name, else the business day on which it was stored."""
    for found in reversed(list(DAY.finditer(file.key))):
        try:
            return date(int(found[1]), int(found[3]), int(found[4]))
        except ValueError:
            continue
    return clock.local_date(file.modified_at)
