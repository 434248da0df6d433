"""S3 exports: what the shop's orders and prospects were.

Data flow: every unread file below a prefix -> the prefix's table, all columns as text
A file's rows are replaced together whenever its content changes. What was read is known from the
file ledger in the warehouse (etag and size), so that no state lives anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingest.landing import Landing, Plan, Pull, Source
from ingest.privacy.policy import Policy, policy, salt
from ingest.sources.s3_exports.bucket import Bucket
from ingest.sources.s3_exports.file import Reading, rules_digest
from ingest.sources.s3_exports.listing import Listing, denied_prefix, list_files
from ingest.sources.s3_exports.location import Prefix, place, refuse_shared_prefixes
from ingest.sources.s3_exports.settings import (
    KNOWN_COLUMNS,
    MERGE_KEY,
    META_COLUMNS,
    PIECE_BYTES,
    REQUIRED,
    RESOURCES,
)
from ingest.values import TEXT_TYPE
from signalroom.errors import CredentialsError


def extract(pull: Pull) -> Iterator[Landing]:
    """A landing for each prefix asked for; its files are read while its rows are."""
    bucket, listings = _listings(pull)
    for prefix, listing in listings.items():
        rules = policy(SOURCE.name, prefix.table, pull.client_id)
        if rules.hashes:
            salt(pull.client_id)  # a missing one is said before anything is read
        landing = Landing(
            table=prefix.table, rows=(), columns=_columns(prefix.table, rules), merge_key=MERGE_KEY
        )
        for notice in listing.notices:
            pull.notice(notice)
        landing.failures += listing.failures
        landing.files += listing.records
        landing.rows = Reading(bucket, pull, landing, rules).tables(listing)
        yield landing


def plan(pull: Pull) -> Plan:
    """The files that a run would read now, and its requests."""
    _, listings = _listings(pull)
    unread = [file for one in listings.values() for file in (*one.unread, *one.denied[:1])]
    pieces = (-(-file.size_bytes // PIECE_BYTES) for file in unread if not file.is_archived)
    return Plan(
        tables=tuple(prefix.table for prefix in listings),
        days=0,
        requests=sum(listing.requests for listing in listings.values()) + sum(pieces),
        files=len(unread),
    )


def _listings(pull: Pull) -> tuple[Bucket, dict[Prefix, Listing]]:
    """The listing of each prefix asked for.

    Raises CredentialsError where none may be listed, SourceError where the bucket cannot be
    reached.
    """
    where = place(pull.client_id)
    refuse_shared_prefixes(where)
    bucket = Bucket(where)
    found: dict[Prefix, Listing] = {}
    refusals: list[CredentialsError] = []
    for prefix in where.prefixes:
        if prefix.table in pull.resources:
            rules = policy(SOURCE.name, prefix.table, pull.client_id)
            try:
                found[prefix] = list_files(bucket, prefix, pull, rules_digest(rules, prefix.table))
            except CredentialsError as error:
                refusals.append(error)
                found[prefix] = denied_prefix(prefix, pull, error)
    if refusals and len(refusals) == len(found):
        raise refusals[0]
    return bucket, found


def _columns(table: str, rules: Policy) -> dict[str, Any]:
    """Hints for what is known, so that a column empty in the first file has its type."""
    known = {
        name: TEXT_TYPE for name in KNOWN_COLUMNS.get(table, ()) if rules.action(name) != "drop"
    }
    return {**known, **META_COLUMNS}


SOURCE = Source(
    name="s3_exports",
    title="S3 exports",
    resources=RESOURCES,
    required=REQUIRED,
    account=lambda client_id: place(client_id).account,
    extract=extract,
    plan=plan,
    tables=lambda client_id: tuple(prefix.table for prefix in place(client_id).prefixes),
)
