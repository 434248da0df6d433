"""Which files of a prefix are to be read: those that never were, as they are now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from ingest.landing import KnownFile, Pull
from ingest.sources.s3_exports.bucket import Bucket, StoredFile
from ingest.sources.s3_exports.location import Prefix

ENDINGS = {"", ".csv", ".txt", ".gz"}


@dataclass(frozen=True)
class Listing:
    """The unread files of a prefix, oldest name first, and what is said about the others."""

    unread: tuple[StoredFile, ...]
    notices: tuple[str, ...]
    requests: int


def list_files(bucket: Bucket, prefix: Prefix, pull: Pull, rules: str) -> Listing:
    """List a prefix; raises CredentialsError or SourceError in one line.

    A refused file is tried again when it has changed, or the rules that refused it have.

    Files that are gone from the bucket keep their rows: exports expire there after a while, and
    the orders in them stay true.
    """
    files, requests = bucket.files(prefix)
    unread: list[StoredFile] = []
    others: Counter[str] = Counter()
    for file in files:
        path = PurePosixPath(file.key)
        if file.key.endswith("/") or path.name.startswith((".", "_")):
            continue  # folders of a browser, marks of a program
        known = pull.known_files.get((prefix.table, file.key))
        if path.suffix.lower() not in ENDINGS:
            others["are no CSV and left aside"] += 1
        elif known is None or not _is_same(file, known, rules):
            unread.append(file)
        elif known.status != "loaded":
            others[f"stay {known.status} until they change"] += 1
    notices = (f"{prefix.path}: files that {what}: {count}" for what, count in others.items())
    return Listing(tuple(unread), tuple(notices), requests)


def _is_same(file: StoredFile, known: KnownFile, rules: str) -> bool:
    if known.status == "refused" and known.header != rules:
        return False
    return (file.etag, file.size_bytes) == (known.etag, known.size_bytes)
