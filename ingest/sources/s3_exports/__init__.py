"""S3 exports: what the shop's orders and prospects were.

Data flow: every unread file below a prefix -> the prefix's table, all columns as text
A file's rows are replaced together whenever its content changes. What was read is known from the
file ledger in the warehouse (etag and size), so that no state lives anywhere else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ingest.landing import KnownFile, Landing, Plan, Pull, Source
from ingest.numbers import TEXT_TYPE
from ingest.privacy import Policy, policy
from ingest.sources.s3_exports.bucket import Bucket, StoredFile
from ingest.sources.s3_exports.errors import ChangedError, RefusedError, WaitingError
from ingest.sources.s3_exports.intake import record, take
from ingest.sources.s3_exports.place import Prefix, place, refuse_shared_prefixes
from ingest.sources.s3_exports.settings import (
    KNOWN_COLUMNS,
    MERGE_KEY,
    META_COLUMNS,
    PIECE_BYTES,
    REQUIRED,
    RESOURCES,
    UNREACHABLE_FILES,
)
from signalroom.errors import SourceError

SAY_EVERY_S = 5.0


def extract(pull: Pull) -> Iterator[Landing]:
    """A landing for each prefix asked for; its files are read while its rows are."""
    bucket, prefixes = _connect(pull)
    for prefix in prefixes:
        files, _ = _unread(bucket, prefix, pull)
        rules = policy("s3_exports", prefix.table, pull.client_id)
        landing = Landing(
            table=prefix.table, rows=(), columns=_columns(prefix.table, rules), merge_key=MERGE_KEY
        )
        landing.rows = _rows(bucket, pull, landing, files, rules)
        yield landing


def plan(pull: Pull) -> Plan:
    """The files that a run would read now, and its requests."""
    bucket, prefixes = _connect(pull)
    requests = count = 0
    for prefix in prefixes:
        files, pages = _unread(bucket, prefix, pull)
        count += len(files)
        requests += pages + sum(-(-file.size_bytes // PIECE_BYTES) for file in files)
    return Plan(tuple(prefix.table for prefix in prefixes), 0, requests, count)


def _connect(pull: Pull) -> tuple[Bucket, list[Prefix]]:
    where = place(pull.client_id)
    refuse_shared_prefixes(where)
    is_all = set(pull.resources) >= set(RESOURCES)  # then also tables of prefixes of one's own
    asked = [one for one in where.prefixes if is_all or one.table in pull.resources]
    return Bucket(where), asked


def _columns(table: str, rules: Policy) -> dict[str, Any]:
    """Hints for what is known, so that a column empty in the first file has its type."""
    known = {
        name: TEXT_TYPE for name in KNOWN_COLUMNS.get(table, ()) if rules.action(name) != "drop"
    }
    return {**known, **META_COLUMNS}


def _unread(bucket: Bucket, prefix: Prefix, pull: Pull) -> tuple[list[StoredFile], int]:
    """The files that were never read as they are now, and the requests of the listing.

    Files that are gone from the bucket keep their rows: exports expire there after a while, and
    the orders in them stay true.
    """
    files, pages = bucket.files(prefix)
    unread: list[StoredFile] = []
    still: dict[str, int] = {}
    for file in files:
        known = pull.known_files.get((prefix.table, file.key))
        if known is None or not _is_same(file, known):
            unread.append(file)
        elif known.status != "loaded":
            still[known.status] = still.get(known.status, 0) + 1
    for status, count in still.items():
        pull.say(f"{prefix.table}: {count} files still {status} until they are uploaded again")
    return unread, pages


def _is_same(file: StoredFile, known: KnownFile) -> bool:
    return (file.etag, file.size_bytes) == (known.etag, known.size_bytes)


def _rows(
    bucket: Bucket, pull: Pull, landing: Landing, files: list[StoredFile], rules: Policy
) -> Iterator[Any]:
    whose = f"s3_exports for client {pull.client_id}"
    seen = set(KNOWN_COLUMNS.get(landing.table, ()))
    rows = unreachable = 0
    said_at = time.monotonic()
    for number, file in enumerate(files, 1):
        with TemporaryDirectory(prefix="signalroom-s3-") as folder:
            try:
                taken = take(bucket, file, landing.table, rules, Path(folder))
            except WaitingError as reason:
                pull.say(f"{landing.table}: {file.key} waits, {reason}; earlier rows stay")
                landing.files.append(record(file, "waiting", reason=str(reason)))
                continue
            except ChangedError as reason:
                pull.say(f"{landing.table}: {reason}; the next run reads it")
                continue
            except RefusedError as reason:
                landing.failures.append(
                    f"{whose}: {file.key} is refused: {reason}. Its earlier rows stay."
                )
                landing.files.append(record(file, "refused", reason=str(reason)))
                continue
            except SourceError as error:
                landing.failures.append(str(error))
                unreachable += 1
                if unreachable >= UNREACHABLE_FILES:
                    landing.failures.append(
                        f"{whose}: {len(files) - number} more files of {landing.table} were not "
                        "tried; the next run reads them."
                    )
                    return
                continue
            unreachable = 0
            if KNOWN_COLUMNS.get(landing.table):
                new = [name for name in dict.fromkeys(taken.columns) if name not in seen]
                if new:
                    pull.say(f"{landing.table}: new columns in {file.key}: {', '.join(new)}")
                    seen.update(new)
            landing.files.append(taken.record)
            landing.totals.append(taken.total)
            landing.dead_letters.extend(taken.dead_letters)
            rows += taken.record.row_count
            yield from taken.spool.tables()
        if time.monotonic() - said_at > SAY_EVERY_S or number == len(files):
            pull.say(f"{landing.table}: {number} of {len(files)} files, {rows:,} rows")
            said_at = time.monotonic()


SOURCE = Source(
    name="s3_exports",
    title="S3 exports",
    resources=RESOURCES,
    required=REQUIRED,
    account=lambda client_id: place(client_id).account,
    extract=extract,
    plan=plan,
)
