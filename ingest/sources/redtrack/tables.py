"""RedTrack's tables: spend by day and source, and the lists, each as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from ingest.columns import by_key, columns_of, read_fields, text, unknown_fields
from ingest.http import VendorClient
from ingest.model import Pull, Row, Window
from ingest.resources import daily, whole_list
from ingest.sources.redtrack.client import Account, entries
from ingest.sources.redtrack.columns import (
    CLIENT_COLUMN,
    COLUMNS,
    CONTROLLED,
    DERIVED,
    LISTS,
    METRICS,
)
from ingest.sources.redtrack.settings import SLICE_DAYS
from ingest.windows import slices
from signalroom import clock
from signalroom.errors import AnswerError


@daily(columns=COLUMNS, measures=CONTROLLED, required=("cost",))
def daily_spend(pull: Pull, account: Account) -> list[Row]:
    """Rows by date and source of the window."""
    rows: list[Row] = []
    for part in slices(pull.window, SLICE_DAYS):
        rows.extend(_spend(account.http, pull, part))
        pull.say(f"{part}: {len(rows):,} rows")
    return rows


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["campaigns"])})
def campaigns(pull: Pull, account: Account) -> list[Row]:
    """Every campaign; deleted ones stand in the list with their status."""
    return _list(pull, account, "campaigns")


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["sources"])})
def sources(pull: Pull, account: Account) -> list[Row]:
    """Every traffic source."""
    return _list(pull, account, "sources")


def _spend(http: VendorClient, pull: Pull, window: Window) -> Iterator[Row]:
    """Rows by date and source of the window."""
    found = list(_report(http, pull, window))
    if window.start != window.end and any(not entry.get("date") for entry in found):
        # an account that groups by source alone: only single days can be told apart
        for day in slices(window, 1):
            yield from _spend(http, pull, day)
        return
    for entry in found:
        yield _row(pull.client_id, entry, window)


def _report(http: VendorClient, pull: Pull, window: Window) -> Iterator[dict[str, Any]]:
    asked: dict[str, str | int] = {
        "group": "date,source",
        "date_from": window.start.isoformat(),
        "date_to": window.end.isoformat(),
        "timezone": clock.zone().key,  # `tz` would be ignored without a word
    }
    return entries(http, pull, "/report", asked, str(window))


def _row(client_id: str, entry: dict[str, Any], window: Window) -> Row:
    try:
        day = date.fromisoformat(str(entry["date"])[:10]) if entry.get("date") else window.start
    except ValueError:
        raise AnswerError(
            f"redtrack for client {client_id}: {entry['date']!r} is no date; nothing was loaded.",
            entry,
        ) from None
    if not window.start <= day <= window.end:
        raise AnswerError(
            f"redtrack for client {client_id}: asked for {window}, answered for {day}; "
            "nothing was loaded.",
            entry,
        )
    further = {name: entry[name] for name in entry.keys() - DERIVED - {"source", *COLUMNS}}
    return {
        **unknown_fields(further, METRICS),
        "_client_id": client_id,
        "date": day,
        "source_id": text(entry.get("source_id")),
        "source_name": text(entry.get("source")),
        "source_alias": text(entry.get("source_alias")),
        **read_fields(entry, METRICS, f"redtrack for client {client_id}, {day}"),
    }


def _list(pull: Pull, account: Account, table: str) -> list[Row]:
    fields = LISTS[table]
    rows: list[Row] = []
    for entry in entries(account.http, pull, f"/{table}", {}, table):
        row = {"_client_id": pull.client_id, **read_fields(entry, fields, f"{pull}, {table}")}
        if row["id"] is None:
            raise AnswerError(f"{pull}: one of the {table} has no id; nothing was loaded.")
        rows.append({**row, **unknown_fields(entry, fields)})
    pull.say(f"{len(rows):,} {table}")
    return by_key(rows, "id")
