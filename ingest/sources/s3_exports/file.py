"""One file from the bucket to rows: read completely and checked before any row is passed on."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Self

from ingest.model import ControlTotal, DeadLetter, FileRecord, Pull
from ingest.privacy.policy import Policy
from ingest.privacy.rows import Protection
from ingest.sources.s3_exports.batches import Batch, TolerantReader, fast_batches
from ingest.sources.s3_exports.bucket import Bucket, StoredFile
from ingest.sources.s3_exports.checks import EXPECTED, NOTHING, Checks
from ingest.sources.s3_exports.csv_records import read_header
from ingest.sources.s3_exports.download import Content, begun, one_ahead, stored
from ingest.sources.s3_exports.limits import (
    KNOWN_COLUMNS,
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
from ingest.sources.s3_exports.listing import Listing, Seen, named, unread_record
from ingest.sources.s3_exports.output import AMOUNT, Origin, Output, Rows, Shape, TableLimits
from signalroom import clock
from signalroom.errors import SourceError
from signalroom.plural import counted

DAY = re.compile(
    r"(?<![0-9])(20[0-9]{2})([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12][0-9]|3[01])(?![0-9])"
)


# A larger file, which gzip may make ten times as large, is not downloaded while another is read:
# together they might not fit on the disk.
MAX_AHEAD_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Accepted:
    """A file that can be loaded: its ledger record, and its rows, to be read once."""

    record: FileRecord
    total: ControlTotal
    dead_letters: tuple[DeadLetter, ...]
    columns: tuple[str, ...]
    rows: Rows


class Downloads:
    """Downloads files when they are asked for, and the next one while one of them is read."""

    def __init__(self, bucket: Bucket, files: Sequence[StoredFile]) -> None:
        self._bucket = bucket
        self._following = dict(pairwise(files))
        self._begun: dict[StoredFile, Future[Content]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._begun.values():
            one.add_done_callback(_close)

    def content(self, file: StoredFile) -> Content:
        """The content of a file, to be closed.

        After one that cannot be read, no other is requested before it is asked for. Raises
        NotLoadedError and its subclasses, SourceError.
        """
        coming = self._begun.pop(file, None)
        try:
            found = coming.result() if coming else self._download(file)
        except OSError:
            if coming is None:
                raise
            found = self._download(file)  # the file before it has been closed: there may be room
        following = self._following.get(file)
        if following is not None and following.size_bytes <= MAX_AHEAD_BYTES:
            self._begun[following] = begun(lambda: self._download(following))
        return found

    def _download(self, file: StoredFile) -> Content:
        if file.size_bytes == 0:
            raise WaitingError("it is empty")
        if file.size_bytes > MAX_STORED_BYTES:
            raise RefusedError(f"it is larger than {MAX_STORED_BYTES >> 30} GB")
        return stored(self._bucket.pieces(file))


def _close(coming: Future[Content]) -> None:
    if coming.exception() is None:
        with coming.result():
            pass


def take(
    downloads: Downloads,
    file: StoredFile,
    protection: Protection,
    limits: TableLimits,
    output: Output,
) -> Accepted:
    """Read a file.

    Raises NotLoadedError and its subclasses for a file that is not loaded, SourceError for one that
    cannot be read; nothing of it remains then.
    """
    table, client_id = protection.table, protection.policy.client_id
    origin = Origin(client_id, table, file.key, file_date(file))
    # one more day, as the shop's clock may be ahead of the business zone
    until = max(origin.file_date, clock.local_date(file.modified_at)) + timedelta(days=1)
    with downloads.content(file) as content:
        header = read_header(content, table)
        limits.check(header)
        letters: list[DeadLetter] = []
        try:
            shape, checks = Shape(origin, header, protection, limits), Checks(table, header, until)
            with closing(one_ahead(fast_batches(content, header))) as batches:
                rows = _read(shape, checks, batches, output, is_sifted=False)
        except AbnormalError:
            shape, checks = Shape(origin, header, protection, limits), Checks(table, header, until)
            reader = TolerantReader(content, header, file.key, protection.policy, checks)
            rows = _read(shape, checks, reader.batches(), output, is_sifted=True)
            letters = reader.dead_letters
    limits.add(shape.columns)
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
        rows=rows,
    )


def _read(
    shape: Shape, checks: Checks, batches: Iterator[Batch], output: Output, is_sifted: bool
) -> Rows:
    """All rows of a file; if it has none, the row that clears its earlier rows."""
    rows = output.rows()
    try:
        for batch in batches:
            checks.look(batch.columns, len(batch.row_ids), is_sifted)
            rows.add(shape.table(batch))
            if shape.rows > MAX_ROWS:
                raise RefusedError(f"it has more than {MAX_ROWS:,} rows")
        checks.end()
        shape.check_cards()
        if not shape.rows:
            rows.add(shape.tombstone())
        rows.end()
    except BaseException:
        rows.discard()
        raise
    return rows


def rules_digest(policy: Policy, table: str) -> str:
    """A fingerprint of the rules by which a table's files are refused."""
    rules = (policy, REQUIRED_COLUMNS.get(table), LIMITS)
    return f"rules {hashlib.sha256(repr(rules).encode()).hexdigest()[:16]}"


def file_date(file: StoredFile) -> date:
    """The date in the file's name, otherwise the business day on which it was stored."""
    for found in reversed(list(DAY.finditer(file.key))):
        try:
            return date(int(found[1]), int(found[3]), int(found[4]))
        except ValueError:
            continue
    return clock.local_date(file.modified_at)


class Reading:
    """Reads the files of one prefix; one that cannot be read does not stop the others."""

    def __init__(self, bucket: Bucket, pull: Pull, table: str, limits: TableLimits) -> None:
        self._bucket = bucket
        self._pull = pull
        self._table = table
        self._metrics = pull.metrics
        self._protection = Protection("s3_exports", table, pull.client_id)
        self._limits = limits
        self._rows = 0
        self._seen = Seen()
        self._unreadable: dict[str, list[str]] = {}
        self._reported_at = time.monotonic()

    def files(self, listing: Listing, output: Output) -> Iterator[Any]:
        """What dlt imports for the files that can be loaded, in order."""
        for notice in listing.notices:
            self._pull.notice(notice)
        self._metrics.failures += listing.failures
        self._metrics.files += listing.records
        unread, rest = listing.unread, listing.rest
        self._seen = listing.seen
        self._seen.columns.update(KNOWN_COLUMNS.get(self._table, ()))
        self._seen.headers.update(self._known_headers())
        with Downloads(self._bucket, unread) as downloads:
            for number, file in enumerate(unread, 1):
                accepted = self._take(downloads, file, output)
                if accepted is not None:
                    yield from output.accept(accepted.rows)
                left = len(unread) - number + (len(rest.unread) if rest else 0)
                if self._seen.failed_in_a_row >= UNREACHABLE_FILES and left:
                    self._metrics.failures.append(
                        f"{self._pull}: {left} more files of {self._table} were not tried; the "
                        "next run reads them."
                    )
                    if rest:
                        rest.unread.clear()
                    break
                done = listing.before + number
                self._report_progress(done, done + left)
            for file in listing.denied:  # until one is denied again
                accepted = self._take(downloads, file, output)
                if accepted is None:
                    break
                yield from output.accept(accepted.rows)
        yield from output.flush()
        self._report_unreadable()

    def _known_headers(self) -> Iterator[str]:
        for (name, _), known in self._pull.known_files.items():
            if name == self._table and known.status == "loaded":
                yield known.header

    def _report_unreadable(self) -> None:
        for reason, files in self._unreadable.items():
            self._metrics.failures.append(
                f"{self._pull}: {named(files)} cannot be read: {reason}. "
                "Their earlier rows stay, and all other files are read; "
                "`signalroom status` lists them until they can be."
            )

    def _take(self, downloads: Downloads, file: StoredFile, output: Output) -> Accepted | None:
        metrics = self._metrics
        try:
            accepted = take(downloads, file, self._protection, self._limits, output)
        except ChangedError as reason:
            self._notice(f"{reason}; the next run reads it")
            return None
        except WaitingError as reason:
            self._notice(f"{file.key} waits for a new upload: {reason}. Its earlier rows stay")
            metrics.files.append(unread_record(file, "waiting", str(reason)))
            return None
        except RefusedError as reason:
            metrics.failures.append(
                f"{self._pull}: {file.key} is refused: {reason}. Its earlier rows stay."
            )
            rules = rules_digest(self._protection.policy, self._table)
            metrics.files.append(unread_record(file, "refused", str(reason), header=rules))
            return None
        except UnreadableError as reason:
            known = self._pull.known_files.get((self._table, file.key))
            if known is None or (known.status, known.etag) != ("unreadable", file.etag):
                self._unreadable.setdefault(str(reason), []).append(file.key)
            metrics.files.append(unread_record(file, "unreadable", str(reason)))
            return None
        except SourceError as error:
            metrics.failures.append(str(error))
            self._seen.failed_in_a_row += 1
            return None
        except OSError as error:
            metrics.failures.append(
                f"{self._pull}: {file.key} cannot be kept for reading: {error.strerror}. "
                "Make room for temporary files; the next run tries again."
            )
            self._seen.failed_in_a_row += 1
            return None
        self._seen.failed_in_a_row = 0
        self._announce(accepted)
        metrics.files.append(accepted.record)
        metrics.totals.append(accepted.total)
        metrics.dead_letters.extend(accepted.dead_letters)
        self._rows += accepted.record.row_count
        return accepted

    def _announce(self, accepted: Accepted) -> None:
        """Report once what is new in a header; in a table's first file nothing is."""
        file, header = accepted.record.file_name, accepted.record.header
        new = [name for name in dict.fromkeys(accepted.columns) if name not in self._seen.columns]
        if new and header not in self._seen.headers:
            if self._seen.columns:
                self._notice(f"new columns in {file}: {', '.join(new)}")
            elif self._seen.headers:
                self._notice(f"{file} has a header not seen before: {', '.join(new)}")
        lacking = EXPECTED.get(self._table, NOTHING).missing(accepted.columns)
        if lacking and header not in self._seen.headers:
            self._notice(f"{file} has no {', '.join(lacking)}; to reports they are blank")
        self._seen.headers.add(header)
        self._seen.columns.update(new)
        if accepted.record.reason:
            self._notice(
                f"{file} has {accepted.record.reason}; reports leave out what cannot be read"
            )

    def _report_progress(self, number: int, count: int) -> None:
        if number == count or time.monotonic() - self._reported_at > SAY_EVERY_S:
            self._say(f"{number} of {count} files, {counted(self._rows, 'row')}")
            self._reported_at = time.monotonic()

    def _notice(self, line: str) -> None:
        self._pull.notice(f"{self._table}: {line}")

    def _say(self, line: str) -> None:
        self._pull.say(f"{self._table}: {line}")
