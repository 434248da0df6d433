"""Checks S3 by requesting one key below each prefix."""

from __future__ import annotations

from ingest.model import Pull
from ingest.sources.s3_exports.bucket import Bucket
from ingest.sources.s3_exports.settings import place, refuse_shared_prefixes
from signalroom.errors import CredentialsError


def probe(pull: Pull) -> list[str]:
    """Prefixes that are empty or denied, one line each.

    Raises CredentialsError where all are denied, SourceError where the bucket cannot be reached.
    """
    where = place(pull.client_id, pull.given)
    refuse_shared_prefixes(where)
    bucket = Bucket(where, pull)
    refusals: list[CredentialsError] = []
    found = []
    for prefix in where.prefixes:
        try:
            if not bucket.has_any(prefix):
                found.append(f"{where.bucket}/{prefix.path} holds nothing: check S3_PREFIXES")
        except CredentialsError as error:
            refusals.append(error)
            found.append(f"{where.bucket}/{prefix.path} may not be listed")
    if len(refusals) == len(where.prefixes):
        raise refusals[0]
    return found
