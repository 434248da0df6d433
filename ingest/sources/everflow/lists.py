"""Everflow's lists: affiliates, advertisers, offers, each replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingest.columns import by_key, columns_of, read_fields, text_columns, unknown_fields
from ingest.http import VendorClient
from ingest.landing import Landing, Pull, Row
from ingest.privacy.rows import Protection
from ingest.replacement import landing_whole
from ingest.sources.everflow.client import pages
from ingest.sources.everflow.settings import CLIENT_COLUMN, LIST_PAGE_ROWS, LISTS
from signalroom.errors import AnswerError


def list_landing(http: VendorClient, pull: Pull, table: str) -> Landing:
    """The whole list, as it is now."""
    fields = LISTS[table]
    key = next(iter(fields))
    where = f"everflow for client {pull.client_id}, {table}"
    rows: list[Row] = []
    for entry in list_entries(http, pull, table):
        row = {"_client_id": pull.client_id, **read_fields(entry, fields, where)}
        if row[key] is None:
            raise AnswerError(
                f"everflow for client {pull.client_id}: one of the {table} has no {key}; nothing "
                "was loaded."
            )
        rows.append({**row, **unknown_fields(entry, fields)})
    pull.say(f"{len(rows):,} {table}")
    protection = Protection("everflow", table, pull.client_id)
    kept = protection.rows(by_key(rows, key))
    declared = protection.columns({**CLIENT_COLUMN, **columns_of(fields)})
    return landing_whole(table, pull, kept, {**declared, **text_columns(kept, declared)})


def list_entries(http: VendorClient, pull: Pull, table: str) -> Iterator[dict[str, Any]]:
    """The entries of the list, all pages."""
    for page in pages(
        pull, table, LIST_PAGE_ROWS, lambda paging: http.get(f"/networks/{table}", paging)
    ):
        yield from page
