"""One file from the bucket to rows: read whole and checked before any row is given away."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa

from ingest.landing import ControlTotal, DeadLetter, FileRecord, Landing, Pull
from ingest.privacy.policy import Policy
from ingest.sources.s3_exports.bucket import Bucket, StoredFile
from ingest.sources.s3_exports.checks import Checks
from ingest.sources.s3_exports.download import stored
from ingest.sources.s3_exports.fast_csv import Batch, fast_batches
from ingest.sources.s3_exports.header import read_header
from ingest.sources.s3_exports.listing import Listing, named, unread_record
from ingest.sources.s3_exports.rows import AMOUNT, Origin, Shape
from ingest.sources.s3_exports.settings import (
    HELD_BYTES,
    KNOWN_COLUMNS,
    LANDED_BYTES,
    LIMITS,
    MAX_ROWS,
    MAX_STORED_BYTES,
    REQUIRED_COLUMNS,
    SAY_EVERY_S,
    UNREACHABLE_FILES,
    AbnormalError,
    ChangedError,
    RefusedError,
    UnreadableError,
    WaitingError,
)
from ingest.sources.s3_exports.tolerant_csv import TolerantReader
from signalroom import clock
from signalroom.errors import SourceError


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
        shape, checks = Shape(origin, header, policy), Checks(table, header)
        letters: list[DeadLetter] = []
        try:
            spool = _held(shape, checks, fast_batches(content, header), is_sifted=False)
        except AbnormalError:
            shape, checks = Shape(origin, header, policy), Checks(table, header)
            reader = TolerantReader(content, header, file.key, policy, checks)
            spool = _held(shape, checks, reader.batches(), is_sifted=True)
            letters = reader.dead_letters
    totals: dict[str, Decimal | int] = {"rows": shape.rows}
    if shape.has_amount:
        totals[AMOUNT] = shape.amount
    return Accepted(
        record=replace(
            unread_record(file, "loaded"),
            row_count=shape.rows,
            rejected_rows=len(letters),
            header=header.fingerprint,
            reason=checks.report,
        ),
        total=ControlTotal(file.key, None, totals, content.digest),
        dead_letters=tuple(letters),
        columns=header.bases,
        spool=spool,
    )


def _held(shape: Shape, checks: Checks, batches: Iterator[Batch], is_sifted: bool) -> Spool:
    """All rows of a file, behind the one that clears its earlier rows."""
    spool = Spool()
    spool.add(shape.tombstone())
    for batch in batches:
        checks.look(batch.columns, len(batch.row_ids), is_sifted)
        spool.add(shape.table(batch))
        if shape.rows > MAX_ROWS:
            raise RefusedError(f"it has more than {MAX_ROWS:,} rows")
    shape.check_cards()
    return spool


def rules_digest(policy: Policy, table: str) -> str:
    """Identifies the rules by which a table's files are refused."""
    rules = (policy, REQUIRED_COLUMNS.get(table), LIMITS)
    return f"rules {hashlib.sha256(repr(rules).encode()).hexdigest()[:16]}"


def file_date(file: StoredFile) -> date:
    """The day in the file's name, else the business day on which it was stored."""
    for found in reversed(list(DAY.finditer(file.key))):
        try:
            return date(int(found[1]), int(found[3]), int(found[4]))
        except ValueError:
            continue
    return clock.local_date(file.modified_at)


class Reading:
    """Reads files for a landing; one that cannot be read does not stop the others."""

    def __init__(self, bucket: Bucket, pull: Pull, landing: Landing, policy: Policy) -> None:
        self._bucket = bucket
        self._pull = pull
        self._landing = landing
        self._policy = policy
        self._whose = f"s3_exports for client {pull.client_id}"
        self._columns = set(KNOWN_COLUMNS.get(landing.table, ()))
        self._headers = {
            known.header
            for (table, _), known in pull.known_files.items()
            if table == landing.table and known.status == "loaded"
        }
        self._rows = 0
        self._failed_in_a_row = 0
        self._unreadable: dict[str, list[str]] = {}
        self._said_at = time.monotonic()

    def tables(self, listing: Listing) -> Iterator[Any]:
        """Arrow tables of all files that are fit to be loaded, in the files' order.

        Small ones are joined: every table costs the load the same, however few its rows.
        """
        held: list[Any] = []
        size = 0
        for table in self._tables(listing):
            if held and (size > LANDED_BYTES or table.schema != held[0].schema):
                yield pa.concat_tables(held)
                held, size = [], 0
            held.append(table)
            size += table.nbytes
        if held:
            yield pa.concat_tables(held)

    def _tables(self, listing: Listing) -> Iterator[Any]:
        files = listing.unread
        for number, file in enumerate(files, 1):
            accepted = self._take(file)
            if accepted is not None:
                yield from accepted.spool.tables()
            if self._failed_in_a_row >= UNREACHABLE_FILES and number < len(files):
                self._landing.failures.append(
                    f"{self._whose}: {len(files) - number} more files of {self._landing.table} "
                    "were not tried; the next run reads them."
                )
                break
            self._say_progress(number, len(files))
        for file in listing.denied:  # until one is denied again
            accepted = self._take(file)
            if accepted is None:
                break
            yield from accepted.spool.tables()
        self._report_unreadable()

    def _report_unreadable(self) -> None:
        for reason, files in self._unreadable.items():
            self._landing.failures.append(
                f"{self._whose}: {named(files)} cannot be read: {reason}. "
                "Their earlier rows stay, and all other files are read; "
                "`signalroom status` lists them until they can be."
            )

    def _take(self, file: StoredFile) -> Accepted | None:
        landing = self._landing
        try:
            accepted = take(self._bucket, file, landing.table, self._policy)
        except ChangedError as reason:
            self._notice(f"{reason}; the next run reads it")
            return None
        except WaitingError as reason:
            self._notice(f"{file.key} waits for a new upload: {reason}. Its earlier rows stay")
            landing.files.append(unread_record(file, "waiting", str(reason)))
            return None
        except RefusedError as reason:
            landing.failures.append(
                f"{self._whose}: {file.key} is refused: {reason}. Its earlier rows stay."
            )
            rules = rules_digest(self._policy, landing.table)
            landing.files.append(unread_record(file, "refused", str(reason), header=rules))
            return None
        except UnreadableError as reason:
            known = self._pull.known_files.get((landing.table, file.key))
            if known is None or (known.status, known.etag) != ("unreadable", file.etag):
                self._unreadable.setdefault(str(reason), []).append(file.key)
            landing.files.append(unread_record(file, "unreadable", str(reason)))
            return None
        except SourceError as error:
            landing.failures.append(str(error))
            self._failed_in_a_row += 1
            return None
        except OSError as error:
            landing.failures.append(
                f"{self._whose}: {file.key} cannot be kept for reading: {error.strerror}. "
                "Make room for temporary files; the next run tries again."
            )
            self._failed_in_a_row += 1
            return None
        self._failed_in_a_row = 0
        self._announce(accepted)
        landing.files.append(accepted.record)
        landing.totals.append(accepted.total)
        landing.dead_letters.extend(accepted.dead_letters)
        self._rows += accepted.record.row_count
        return accepted

    def _announce(self, accepted: Accepted) -> None:
        """Say once what is new in a header; of a table's first file nothing is."""
        file, header = accepted.record.file_name, accepted.record.header
        new = [name for name in dict.fromkeys(accepted.columns) if name not in self._columns]
        if new and header not in self._headers:
            if self._columns:
                self._notice(f"new columns in {file}: {', '.join(new)}")
            elif self._headers:
                self._notice(f"{file} has a header not seen before: {', '.join(new)}")
        self._headers.add(header)
        self._columns.update(new)
        if accepted.record.reason:
            self._notice(f"{file} has {accepted.record.reason}; reports leave them out")

    def _say_progress(self, number: int, count: int) -> None:
        if number == count or time.monotonic() - self._said_at > SAY_EVERY_S:
            self._say(f"{number} of {count} files, {self._rows:,} rows")
            self._said_at = time.monotonic()

    def _notice(self, line: str) -> None:
        self._pull.notice(f"{self._landing.table}: {line}")

    def _say(self, line: str) -> None:
        self._pull.say(f"{self._landing.table}: {line}")
