"""Mautic's contacts, e-mails and campaigns, each replaced as a whole."""

from __future__ import annotations

from ingest.entries import Entries
from ingest.http import VendorClient
from ingest.landing import Landing, Pull
from ingest.replacement import landing_whole
from ingest.sources.mautic.client import Entry, pages
from ingest.sources.mautic.settings import CONTACT_TEXTS, LIST_CONTROLLED, LISTS

# By default contacts come with the last active first: while people browse, pages would shift.
ORDER = {"orderBy": "id", "orderByDir": "asc"}


def list_landing(http: VendorClient, pull: Pull, table: str) -> Landing:
    """The whole list, as it is now."""
    entries = Entries("mautic", table, pull, LISTS[table])
    rows = []
    for page in pages(http, pull, f"/api/{table}", ORDER):
        rows += [entries.row(with_custom_fields(entry)) for entry in page]
        pull.say(f"{len(rows):,} {table}")
    if any(row["id"] is None for row in rows):
        raise entries.error("an entry has no id")
    kept, columns = entries.finish(rows)
    return landing_whole(table, pull, kept, columns, LIST_CONTROLLED.get(table, ()))


def with_custom_fields(entry: Entry) -> Entry:
    """The entry with those fields of a contact together that the agency added itself."""
    groups = entry.get("fields")
    known = groups.get("all") if isinstance(groups, dict) else None
    if not isinstance(known, dict):  # an empty group is a list
        return entry
    ours = {"id", "points", *CONTACT_TEXTS}
    return {**entry, "customFields": {key: known[key] for key in known if key not in ours}}
