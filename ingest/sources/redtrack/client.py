"""RedTrack: requests and parsing, without dlt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ingest.columns import by_key, columns_of, read_fields, text, text_columns, unknown_fields
from ingest.http import VendorClient
from ingest.landing import Landing, Pull, Row, Window
from ingest.privacy.rows import Protection
from ingest.replacement import landing_whole
from ingest.sources.redtrack.settings import (
    CLIENT_COLUMN,
    COLUMNS,
    DERIVED,
    LISTS,
    METRICS,
    PAGE_CAP,
    PAGE_ROWS,
    RATE_LIMIT,
)
from ingest.windows import slices
from signalroom import clock
from signalroom.errors import AnswerError
from signalroom.settings import require


def connect(client_id: str) -> VendorClient:
    """A client of the API; the key travels in the query, the only place where RedTrack takes it."""
    return VendorClient(
        "redtrack",
        client_id,
        require("REDTRACK_BASE_URL", client_id),
        params={"api_key": require("REDTRACK_API_KEY", client_id)},
        limit=RATE_LIMIT,
    )


def daily_rows(http: VendorClient, pull: Pull, window: Window) -> Iterator[Row]:
    """Rows by date and source of the window."""
    found = list(_report(http, pull, window))
    if window.start != window.end and any(not entry.get("date") for entry in found):
        # an account that groups by source alone: only single days can be told apart
        for day in slices(window, 1):
            yield from daily_rows(http, pull, day)
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


def entries(
    http: VendorClient, pull: Pull, path: str, asked: Mapping[str, str | int], what: str
) -> Iterator[dict[str, Any]]:
    """Entries page by page until one is short: there is neither a total nor a link to the next.

    `what` names the part in errors. AnswerError for an answer that is no list.
    """
    for page in range(1, PAGE_CAP + 1):
        answer = http.get(path, {**asked, "page": page, "per": PAGE_ROWS})
        found = _list_of(pull, what, answer)
        yield from found
        if len(found) < PAGE_ROWS:
            return
    raise AnswerError(
        f"redtrack for client {pull.client_id}, {what}: more than {PAGE_CAP} full pages; "
        "nothing was loaded."
    )


def _list_of(pull: Pull, what: str, answer: Any) -> list[dict[str, Any]]:
    """The entries of an answer: a bare list, or one inside an envelope."""
    if isinstance(answer, dict):
        names = ("items", "data", "rows")
        answer = next((answer[key] or [] for key in names if key in answer), answer)
    if isinstance(answer, list) and all(isinstance(entry, dict) for entry in answer):
        return answer
    raise AnswerError(
        f"redtrack for client {pull.client_id}, {what}: the answer is no list of rows; "
        "nothing was loaded.",
        answer,
    )


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
