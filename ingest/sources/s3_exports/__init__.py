"""S3 exports: the shop's orders and prospects.

Data flow: every unread file below a prefix -> the prefix's table, all columns as text
A file's rows are replaced together whenever its content changes. The file ledger in the warehouse
(etag and size) is the only record of which files were read; plain dlt has no ledger and reads every
file. Each file is read completely and checked, rewritten once in the load's format, and imported by
dlt unchanged. A backlog is loaded in parts, the oldest files first, so that what was read stays if
the pull is interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import dlt

from ingest.columns import TEXT_TYPE
from ingest.dlt_pipeline import (
    FILES,
    active_pipeline,
    file_format,
    running_load,
    working_folder,
)
from ingest.model import Plan, Pull
from ingest.privacy.policy import policy, salt
from ingest.resources import SOURCE, by_file, plain_pull
from ingest.sources.s3_exports.bucket import Bucket
from ingest.sources.s3_exports.file import Reading, rules_digest
from ingest.sources.s3_exports.limits import (
    KNOWN_COLUMNS,
    META_COLUMNS,
    PART_BYTES,
    PIECE_BYTES,
)
from ingest.sources.s3_exports.listing import Listing, denied_prefix, first_part, list_files
from ingest.sources.s3_exports.output import Output, TableLimits
from ingest.sources.s3_exports.settings import Prefix, place, refuse_shared_prefixes
from signalroom.errors import CredentialsError
from signalroom.settings import target

log = logging.getLogger(__name__)


@dlt.source(**SOURCE)
def s3_exports(
    client_id: str | None = None,
    # every source takes both arguments; a file is read whatever its day
    start: str | date | None = None,
    end: str | date | None = None,
    aws_access_key_id: str | None = None,
    aws_secret_access_key: str | None = None,
    endpoint_url: str | None = None,
    bucket_name: str | None = None,
    prefixes: str | None = None,
    pull: Pull | None = None,
) -> Any:
    """One client's exports, a table for each prefix. Calling it makes no request.

    Missing arguments come from the environment; `pull` replaces them in `ingest.pull`.
    """
    pull = pull or plain_pull(
        "s3_exports",
        client_id,
        None,
        None,
        AWS_ACCESS_KEY_ID=aws_access_key_id,
        AWS_SECRET_ACCESS_KEY=aws_secret_access_key,
        AWS_ENDPOINT_URL=endpoint_url,
        S3_BUCKET_NAME=bucket_name,
        S3_PREFIXES=prefixes,
    )
    exports = Exports(pull)
    pull = replace(pull, resources=tuple(one.table for one in exports.prefixes))
    made = []
    for prefix in exports.prefixes:
        if policy("s3_exports", prefix.table, pull.client_id).hashes:
            salt(pull.client_id)  # fails on a missing one before anything is read
        known = dict.fromkeys(KNOWN_COLUMNS.get(prefix.table, ()), TEXT_TYPE)
        make = by_file(columns={**known, **META_COLUMNS})(read_files)
        made.append(make(pull, exports, prefix, name=prefix.table))
    return made


def plan(pull: Pull) -> Plan:
    """The files that a run would read now, and its requests."""
    exports = Exports(pull)
    listings = exports.listings.values()
    unread = [file for one in listings for file in (*one.unread, *one.denied[:1])]
    pieces = (-(-file.size_bytes // PIECE_BYTES) for file in unread if not file.is_archived)
    return Plan(
        tables=tuple(prefix.table for prefix in exports.prefixes),
        days=0,
        requests=sum(listing.requests for listing in listings) + sum(pieces),
        files=len(unread),
    )


class Exports:
    """One client's bucket; it is listed once, when the first table needs it."""

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._place = place(pull.client_id, pull.given)
        refuse_shared_prefixes(self._place)
        wanted = pull.resources if not pull.given.get("S3_PREFIXES") else None
        self.prefixes = [
            one for one in self._place.prefixes if wanted is None or one.table in wanted
        ]

    @cached_property
    def bucket(self) -> Bucket:
        """The connection."""
        return Bucket(self._place, self._pull)

    @cached_property
    def listings(self) -> dict[Prefix, Listing]:
        """The listing of each requested prefix, or its part that this part of a pull reads.

        Raises CredentialsError where none may be listed, SourceError where the bucket cannot be
        reached.
        """
        whole: dict[Prefix, Listing] = self._pull.rest or self._whole_listings()
        if self._pull.tables is None:  # a plan, or plain dlt
            return whole
        parts = first_part(whole, PART_BYTES[target()])
        rest = {prefix: part.rest for prefix, part in parts.items() if part.rest}
        self._pull.tables.rest = rest or None
        return parts

    def _whole_listings(self) -> dict[Prefix, Listing]:
        found: dict[Prefix, Listing] = {}
        refusals: list[CredentialsError] = []
        for prefix in self.prefixes:
            rules = policy("s3_exports", prefix.table, self._pull.client_id)
            digest = rules_digest(rules, prefix.table)
            try:
                found[prefix] = list_files(self.bucket, prefix, self._pull, digest)
            except CredentialsError as error:
                refusals.append(error)
                found[prefix] = denied_prefix(prefix, self._pull)
        if refusals and len(refusals) == len(found):
            raise refusals[0]
        return found


def read_files(pull: Pull, exports: Exports, prefix: Prefix) -> Iterator[Any]:
    """The unread files of a prefix, rewritten for the load and imported unchanged.

    Without a running pipeline they are returned as Arrow tables.
    """
    listing = exports.listings[prefix]
    # otherwise a finished one may be active
    pipeline = active_pipeline() if running_load() else None
    known: Mapping[str, Any] = {}
    if pipeline is not None and "s3_exports" in pipeline.schemas:
        known = pipeline.schemas["s3_exports"].tables.get(prefix.table, {}).get("columns", {})
    form = file_format() if pipeline else "arrow"
    stored = listing.seen.stored
    stored.update(known)
    limits = TableLimits(stored, has_pages=form in ("copy", "csv"))
    reading = Reading(exports.bucket, pull, prefix.table, limits)
    # next to dlt's files, so that importing one links it, with no copy
    folder = pipeline.working_dir if pipeline else None
    with working_folder(FILES, folder) as own, Output(Path(own), form) as output:
        yield from reading.files(listing, output)
    if pull.tables is None:  # plain dlt shows no metrics
        for failure in pull.metrics.failures:
            log.warning("%s", failure)
