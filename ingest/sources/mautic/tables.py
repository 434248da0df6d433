"""Mautic's contacts, e-mails and campaigns, each replaced as a whole."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingest.columns import Entries
from ingest.http import VendorClient
from ingest.landing import Landing, Pull, Row, Window
from ingest.replacement import landing_by_day, landing_whole
from ingest.sources.mautic.client import Entry, pages
from ingest.sources.mautic.settings import (
    CONTACT_TEXTS,
    DAY_COLUMN,
    EMAIL_STATS,
    LIST_CONTROLLED,
    LISTS,
    STATS_CONTROLLED,
)
from signalroom import clock

PATH = "/api/stats/email_stats"


def stats_landing(http: VendorClient, pull: Pull) -> Landing:
    """Every e-mail sent in the window; the days are replaced whole."""
    entries = Entries("mautic", "email_stats", pull, EMAIL_STATS)
    rows: list[Row] = []
    for page in pages(http, pull, PATH, question(pull.window)):
        for entry in page:
            row = entries.row(entry)
            if row["id"] is None or row["date_sent"] is None:
                raise entries.error("an e-mail has no id or no time of sending")
            row["date"] = clock.local_date(row["date_sent"])
            if not pull.window.start <= row["date"] <= pull.window.end:
                raise entries.error(f"asked for {pull.window}, answered for {row['date']}")
            rows.append(row)
        pull.say(f"email_stats {pull.window}: {len(rows):,} rows")
    kept, columns = entries.finish(rows, DAY_COLUMN)
    return landing_by_day("email_stats", pull, kept, columns, STATS_CONTROLLED)


def question(window: Window) -> dict[str, str | int]:
    """The parameters that ask for the window; without an order, pages would overlap and skip."""
    start = clock.midnight(window.start)
    end = clock.midnight(window.end + timedelta(days=1))
    return {
        "order[0][col]": "id",
        "order[0][dir]": "asc",
        "where[0][col]": "date_sent",
        "where[0][expr]": "gte",
        "where[0][val]": _utc(start),
        "where[1][col]": "date_sent",
        "where[1][expr]": "lt",
        "where[1][val]": _utc(end),
    }


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


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
