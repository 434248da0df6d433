"""RedTrack's lists: campaigns and sources, each replaced as a whole."""

from __future__ import annotations

from ingest.columns import by_key, columns_of, read_fields, text_columns, unknown_fields
from ingest.http import VendorClient
from ingest.landing import Landing, Pull, Row
from ingest.privacy.rows import Protection
from ingest.replacement import landing_whole
from ingest.sources.redtrack.client import entries
from ingest.sources.redtrack.settings import CLIENT_COLUMN, LISTS
from signalroom.errors import AnswerError


def list_landing(http: VendorClient, pull: Pull, table: str) -> Landing:
    """The whole list, as it is now; deleted campaigns stand in it with their status."""
    fields = LISTS[table]
    where = f"redtrack for client {pull.client_id}, {table}"
    rows: list[Row] = []
    for entry in entries(http, pull, f"/{table}", {}, table):
        row = {"_client_id": pull.client_id, **read_fields(entry, fields, where)}
        if row["id"] is None:
            raise AnswerError(
                f"redtrack for client {pull.client_id}: one of the {table} has no id; nothing was "
                "loaded."
            )
        rows.append({**row, **unknown_fields(entry, fields)})
    pull.say(f"{len(rows):,} {table}")
    protection = Protection("redtrack", table, pull.client_id)
    kept = protection.rows(by_key(rows, "id"))
    declared = protection.columns({**CLIENT_COLUMN, **columns_of(fields)})
    return landing_whole(table, pull, kept, {**declared, **text_columns(kept, declared)})
