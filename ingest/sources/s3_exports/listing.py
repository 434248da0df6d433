"""Which files of a prefix are read now, and what is reported about the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ingest.model import FileRecord, FileStatus, KnownFile, Pull
from ingest.sources.s3_exports.bucket import Bucket, StoredFile
from ingest.sources.s3_exports.settings import Prefix
from signalroom import clock

CSV_ENDINGS = {"", ".csv", ".txt", ".gz", ".gzip"}
COPY = re.compile(r" ?\([0-9]+\)$")  # of a second download: `report.csv (1)`
# Exports in an unsupported format: their orders would be silently missing.
OTHER_EXPORTS = {
    ".zip": "a zip archive",
    ".7z": "a 7z archive",
    ".rar": "a rar archive",
    ".tar": "a tar archive",
    ".tgz": "a tar archive",
    ".bz2": "packed with bzip2",
    ".xz": "packed with xz",
    ".zst": "packed with zstd",
    ".z": "packed with compress",
    ".br": "packed with brotli",
    ".lz4": "packed with lz4",
    ".xlsx": "an Excel workbook",
    ".xls": "an Excel workbook",
    ".xlsm": "an Excel workbook",
    ".xlsb": "an Excel workbook",
    ".ods": "a spreadsheet",
    ".numbers": "a spreadsheet",
    ".gpg": "encrypted",
    ".pgp": "encrypted",
    ".tsv": "tab separated",
    ".parquet": "a Parquet file",
    ".jsonl": "JSON",
    ".ndjson": "JSON",
    ".xml": "XML",
}
NAMED = 5  # of the files of one message


@dataclass
class Seen:
    """What a pull has seen of a prefix until now.

    `stored` are the names of the table's columns, `columns` those in headers; `failed_in_a_row`
    files could not be read, which ends the reading.
    """

    stored: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    failed_in_a_row: int = 0


@dataclass
class Listing:
    """The unread files of a prefix, oldest name first, and what is reported about the others.

    `denied` are those that S3 did not return earlier. `records` go into the ledger, `failures` are
    reported once, when a fault is found. In a part of a pull, `before` files were read in earlier
    parts, and `rest` is for later parts, which share what was `seen`.
    """

    unread: list[StoredFile] = field(default_factory=list)
    denied: list[StoredFile] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    records: list[FileRecord] = field(default_factory=list)
    requests: int = 0
    before: int = 0
    rest: Listing | None = None
    seen: Seen = field(default_factory=lambda: Seen())


def list_files(bucket: Bucket, prefix: Prefix, pull: Pull, rules: str) -> Listing:
    """List a prefix; raises CredentialsError or SourceError in one line.

    A refused file is tried again when the file, or the rules that refused it, have changed. Files
    that are gone from the bucket keep their rows: exports expire there, but their orders stay
    valid.
    """
    files, requests = bucket.files(prefix)
    known_here = {
        key: one for (table, key), one in pull.known_files.items() if table == prefix.table
    }
    listing = Listing(requests=requests)
    if all(_is_mark(file.key) for file in files):
        listing.notices.append(
            f"{prefix.path} holds no file at all in {bucket.place}; check S3_PREFIXES"
        )
    kept: Counter[str] = Counter()
    others: list[str] = []
    for file in files:
        if _is_mark(file.key):
            continue
        known = known_here.pop(file.key, None)
        ending = PurePosixPath(COPY.sub("", file.key)).suffix.strip().lower()
        form = OTHER_EXPORTS.get(ending)
        if known is not None and _is_same(file, known, rules):
            if known.status == "unreadable" and not file.is_archived:
                listing.denied.append(file)
            if known.status not in ("loaded", "discarded"):
                kept[known.status] += 1
        elif form:
            _refuse(listing, file, f"it is {form}; export plain CSV or gzip", pull, rules)
        elif ending not in CSV_ENDINGS:
            others.append(file.key)
        else:
            listing.unread.append(file)
    if others:
        listing.notices.append(f"{prefix.path}: no CSV and not read: {named(others)}")
    for status, count in kept.items():
        listing.notices.append(
            f"{prefix.path}: files that stay {status} until they change: {count}"
        )
    listing.records += [
        unread_record(StoredFile(key, one.etag, one.size_bytes, clock.instant()), "gone")
        for key, one in known_here.items()
        if one.status != "loaded"
    ]
    return listing


def first_part(listings: Mapping[Prefix, Listing], limit: int) -> dict[Prefix, Listing]:
    """The listings with as many unread files as `limit` bytes allow, but at least one.

    What is reported about the other files is left to the last part.
    """
    counts: Counter[Prefix] = Counter()
    room = limit
    for prefix, listing in listings.items():
        for file in listing.unread:
            if room > 0:
                room -= file.size_bytes
                counts[prefix] += 1
    if all(counts[prefix] == len(listing.unread) for prefix, listing in listings.items()):
        return dict(listings)
    return {
        prefix: Listing(
            unread=one.unread[: counts[prefix]],
            before=one.before,
            rest=replace(
                one, unread=one.unread[counts[prefix] :], before=one.before + counts[prefix]
            ),
            seen=one.seen,
        )
        for prefix, one in listings.items()
    }


def _is_mark(key: str) -> bool:
    """Whether it is the folder of a browser or the mark of a program."""
    name = PurePosixPath(key).name
    return key.endswith(("/", "_$folder$")) or name.startswith((".", "_"))


def denied_prefix(prefix: Prefix, pull: Pull) -> Listing:
    """A prefix that may not be listed: a failure when first found, a notice afterwards."""
    key = f"{prefix.path}/"
    listing = Listing(requests=1)
    if (prefix.table, key) in pull.known_files:
        listing.notices.append(f"{prefix.path} still may not be listed")
    else:
        file = StoredFile(key, "", 0, clock.instant())
        listing.failures.append(
            f"s3_exports for client {pull.client_id}: {prefix.path} may not be listed: allow "
            "s3:ListBucket for it, or take it out of S3_PREFIXES; the other folders are read."
        )
        listing.records.append(unread_record(file, "unreadable", "it may not be listed"))
    return listing


def unread_record(
    file: StoredFile, status: FileStatus, reason: str = "", header: str = ""
) -> FileRecord:
    """The ledger entry of a file of which nothing was read."""
    return FileRecord(
        file_name=file.key,
        etag=file.etag,
        size_bytes=file.size_bytes,
        modified_at=file.modified_at,
        status=status,
        reason=reason,
        header=header,
    )


def _refuse(listing: Listing, file: StoredFile, reason: str, pull: Pull, rules: str) -> None:
    listing.failures.append(
        f"s3_exports for client {pull.client_id}: {file.key} is refused: {reason}."
    )
    listing.records.append(unread_record(file, "refused", reason, header=rules))


def named(keys: list[str]) -> str:
    """The first of the files, and how many more there are."""
    more = len(keys) - NAMED
    return ", ".join(keys[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _is_same(file: StoredFile, known: KnownFile, rules: str) -> bool:
    if known.status == "refused" and known.header != rules:
        return False
    return (file.etag, file.size_bytes) == (known.etag, known.size_bytes)
