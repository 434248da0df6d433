"""RedTrack: requests and parsing, without dlt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from ingest.http import VendorClient
from ingest.landing import Pull, Row, Window
from ingest.numbers import converter
from ingest.sources.redtrack.settings import METRICS, PAGE_CAP, PAGE_ROWS, RATE_LIMIT
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
    entries = list(_report(http, pull, window))
    if window.start != window.end and any(not entry.get("date") for entry in entries):
        # an account that groups by source alone: only single days can be told apart
        for day in slices(window, 1):
            yield from daily_rows(http, pull, day)
        return
    for entry in entries:
        yield _row(pull.client_id, entry, window)


def _report(http: VendorClient, pull: Pull, window: Window) -> Iterator[dict[str, Any]]:
    """Pages until one is short: there is neither a total nor a link to the next."""
    for page in range(1, PAGE_CAP + 1):
        answer = http.get(
            "/report",
            {
                "group": "date,source",
                "date_from": window.start.isoformat(),
                "date_to": window.end.isoformat(),
                "timezone": clock.zone().key,  # `tz` would be ignored without a word
                "page": page,
                "per": PAGE_ROWS,
            },
        )
        entries = _entries(pull, window, answer)
        yield from entries
        if len(entries) < PAGE_ROWS:
            return
    raise AnswerError(
        f"redtrack for client {pull.client_id}, {window}: more than {PAGE_CAP} full pages; "
        "nothing was loaded."
    )


def _entries(pull: Pull, window: Window, answer: Any) -> list[dict[str, Any]]:
    if isinstance(answer, dict):
        answer = next((answer[key] for key in ("items", "data", "rows") if key in answer), answer)
    if isinstance(answer, list) and all(isinstance(entry, dict) for entry in answer):
        return answer
    raise AnswerError(
        f"redtrack for client {pull.client_id}, {window}: the answer is no list of rows; "
        "nothing was loaded."
    )


def _row(client_id: str, entry: dict[str, Any], window: Window) -> Row:
    try:
        day = date.fromisoformat(str(entry["date"])[:10]) if entry.get("date") else window.start
    except ValueError:
        raise AnswerError(
            f"redtrack for client {client_id}: {entry['date']!r} is no date; nothing was loaded."
        ) from None
    if not window.start <= day <= window.end:
        raise AnswerError(
            f"redtrack for client {client_id}: asked for {window}, answered for {day}; "
            "nothing was loaded."
        )
    row: Row = {
        "_client_id": client_id,
        "date": day,
        "source_id": _text(entry.get("source_id")),
        "source_name": _text(entry.get("source")),
        "source_alias": _text(entry.get("source_alias")),
    }
    for name, kind in METRICS.items():
        row[name] = converter(kind)(entry.get(name))
    return row


def _text(value: object) -> str | None:
    return None if value is None else str(value)
