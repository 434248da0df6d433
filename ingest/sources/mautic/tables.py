"""Mautic's tables: current contacts, emails and campaigns, and emails sent, by day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ingest.columns import Entries
from ingest.model import Pull, Row, Window
from ingest.paging import Entry
from ingest.resources import daily, whole_list
from ingest.sources.mautic.client import Instance, every, pages_of, total_of
from ingest.sources.mautic.columns import (
    CONTACT_TEXTS,
    DAY_COLUMN,
    EMAIL_STATS,
    LIST_CONTROLLED,
    LISTS,
    STATS_CONTROLLED,
    STATS_REQUIRED,
)
from signalroom import clock

PATH = "/api/stats/email_stats"
# By default the most recently active contacts come first: pages would shift as people browse.
ORDER = {"orderBy": "id", "orderByDir": "asc"}


@whole_list(columns=LISTS["contacts"].columns, documents=tuple(LISTS["contacts"].documents))
def contacts(pull: Pull, instance: Instance) -> Iterator[Row]:
    """Every contact."""
    return _list(pull, instance, "contacts")


@whole_list(
    columns=LISTS["emails"].columns,
    measures=LIST_CONTROLLED["emails"],
    required=LIST_CONTROLLED["emails"],
    documents=tuple(LISTS["emails"].documents),
)
def emails(pull: Pull, instance: Instance) -> Iterator[Row]:
    """Every email as composed, not each one sent."""
    return _list(pull, instance, "emails")


@whole_list(columns=LISTS["campaigns"].columns, documents=tuple(LISTS["campaigns"].documents))
def campaigns(pull: Pull, instance: Instance) -> Iterator[Row]:
    """Every campaign."""
    return _list(pull, instance, "campaigns")


@daily(
    columns={**EMAIL_STATS.columns, **DAY_COLUMN},
    measures=STATS_CONTROLLED,
    required=STATS_REQUIRED,
    documents=(),
)
def email_stats(pull: Pull, instance: Instance) -> Iterator[Row]:
    """Every email sent in the window."""
    entries = Entries("email_stats", pull, EMAIL_STATS)

    def checked(row: Row) -> Row:
        if row["id"] is None or row["date_sent"] is None:
            raise entries.error("an email has no id or no time of sending")
        row["date"] = clock.local_date(row["date_sent"])
        if not pull.window.start <= row["date"] <= pull.window.end:
            raise entries.error(f"asked for {pull.window}, answered for {row['date']}")
        return row

    def take(found: list[Entry]) -> list[Row]:
        return [checked(row) for row in entries.rows(found)]

    return every(instance.http, pull, PATH, question(pull.window), take)


def requests_for(pull: Pull, instance: Instance, table: str) -> int:
    """How many pages a table takes, by Mautic's total."""
    if table in LISTS:
        answer = instance.http.get(f"/api/{table}", {**ORDER, "start": 0, "limit": 1})
    else:
        answer = instance.http.get(PATH, {**question(pull.window), "start": 0, "limit": 1})
    return pages_of(total_of(answer) or 0)


def question(window: Window) -> dict[str, str | int]:
    """The parameters for the window; without a sort order, pages would overlap and skip rows."""
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


def _list(pull: Pull, instance: Instance, table: str) -> Iterator[Row]:
    entries = Entries(table, pull, LISTS[table])

    def take(found: list[Entry]) -> list[Row]:
        rows = []
        for row in entries.rows([with_custom_fields(entry) for entry in found]):
            if row["id"] is None:
                raise entries.error("an entry has no id")
            rows.append(row)
        return rows

    return every(instance.http, pull, f"/api/{table}", ORDER, take)


def with_custom_fields(entry: Entry) -> Entry:
    """The entry with the contact fields that the agency added grouped together."""
    groups = entry.get("fields")
    known = groups.get("all") if isinstance(groups, dict) else None
    if not isinstance(known, dict):  # PHP writes an empty group as a list
        return entry
    ours = {"id", "points", *CONTACT_TEXTS}
    return {**entry, "customFields": {key: known[key] for key in known if key not in ours}}
