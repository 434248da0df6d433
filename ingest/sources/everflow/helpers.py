"""Everflow: requests and parsing, without dlt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from ingest.http import VendorClient
from ingest.landing import Pull, Row, Window
from ingest.numbers import EXACT, converter
from ingest.sources.everflow.settings import (
    CURRENCY,
    KNOWN_TIMEZONES,
    METRICS,
    RATE_LIMIT,
    ROW_CAP,
)
from ingest.windows import slices
from signalroom import clock
from signalroom.errors import AnswerError
from signalroom.settings import require

DAY_SECONDS = 86_400


def connect(client_id: str) -> VendorClient:
    """A client of the network API for that client's account."""
    base = require("EVERFLOW_BASE_URL", client_id).rstrip("/").removesuffix("/v1")
    return VendorClient(
        "everflow",
        client_id,
        f"{base}/v1",
        headers={"X-Eflow-API-Key": require("EVERFLOW_API_KEY", client_id)},
        limit=RATE_LIMIT,
    )


def timezone_id(http: VendorClient) -> int:
    """Everflow's number of the business time zone, looked up by name."""
    name = clock.zone().key
    try:
        answer = http.get("/meta/timezones")
    except AnswerError:
        answer = {}
    for entry in answer.get("timezones", []) if isinstance(answer, dict) else []:
        if name in (entry.get("timezone"), entry.get("timezone_name")):
            return int(entry["timezone_id"])
    if name in KNOWN_TIMEZONES:
        return KNOWN_TIMEZONES[name]
    raise AnswerError(f"everflow: the vendor knows no time zone {name}; see SIGNALROOM_TIMEZONE.")


def daily_rows(http: VendorClient, pull: Pull, window: Window, zone_id: int) -> Iterator[Row]:
    """Rows by date, affiliate and advertiser, complete or not at all.

    An answer cut off at 10,000 rows is asked for again in smaller windows; a single day that is
    still cut off raises AnswerError.
    """
    answer = http.post("/networks/reporting/entity/table", _question(window, zone_id))
    table = answer.get("table") if isinstance(answer, dict) else None
    if isinstance(table, dict):  # the partner portal nests one level deeper
        table = table.get("rows")
    if not isinstance(table, list):
        raise AnswerError(
            f"everflow for client {pull.client_id}, {window}: the answer has no table; "
            "nothing was loaded."
        )
    days = (window.end - window.start).days + 1
    if answer.get("incomplete_results") or (len(table) >= ROW_CAP and days > 1):
        if days == 1:
            raise AnswerError(
                f"everflow for client {pull.client_id}, {window}: more than {ROW_CAP:,} rows in "
                "one day, the vendor cuts the rest off; the day keeps what it had."
            )
        pull.say(f"{window}: cut off at {len(table):,} rows, asking in halves")
        for half in slices(window, (days + 1) // 2):
            yield from daily_rows(http, pull, half, zone_id)
        return
    for entry in table:
        row = _row(pull.client_id, entry)
        if not window.start <= row["date"] <= window.end:
            raise AnswerError(
                f"everflow for client {pull.client_id}: asked for {window}, answered for "
                f"{row['date']}; nothing was loaded."
            )
        yield row


def _question(window: Window, zone_id: int) -> dict[str, Any]:
    return {
        "from": window.start.isoformat(),
        "to": window.end.isoformat(),
        "timezone_id": zone_id,
        "currency_id": CURRENCY,
        "columns": [{"column": "date"}, {"column": "affiliate"}, {"column": "advertiser"}],
        "query": {
            "filters": [],
            "exclusions": [],
            "metric_filters": [],
            "user_metrics": [],
            "settings": {},
        },
    }


def _row(client_id: str, entry: dict[str, Any]) -> Row:
    try:
        columns = {column["column_type"]: column for column in entry["columns"]}
        reporting = entry["reporting"]
        row: Row = {
            "_client_id": client_id,
            "date": report_date(columns["date"]),
            "affiliate_id": _id(columns["affiliate"]),
            "affiliate_label": columns["affiliate"].get("label"),
            "advertiser_id": _id(columns["advertiser"]),
            "advertiser_label": columns["advertiser"].get("label"),
        }
        for name, (metric, kind) in METRICS.items():
            row[name] = converter(kind)(reporting.get(metric))
    except (KeyError, TypeError, AttributeError) as error:
        raise AnswerError(
            f"everflow for client {client_id}: a row lacks {error}; nothing was loaded."
        ) from None
    revenue, payout = row["revenue"], row["payout"]
    known = revenue is not None and payout is not None
    row["profit"] = EXACT.subtract(revenue, payout) if known else None
    return row


def _id(column: dict[str, Any]) -> int:
    try:
        return int(str(column["id"]))
    except ValueError:
        raise AnswerError(
            f"everflow: the {column['column_type']} id {column['id']!r} is no number; "
            "nothing was loaded."
        ) from None


def report_date(column: dict[str, Any]) -> date:
    """The business day of a date column: an epoch as text, or a plain day.

    Whether the epoch is midnight in UTC or in the zone that was asked for is not documented: a
    UTC midnight is read as that date, any other instant as the business day on which it falls.
    """
    for text in (str(column.get("id") or ""), str(column.get("label") or "")):
        if text.lstrip("-").isdigit():
            moment = datetime.fromtimestamp(int(text), UTC)
            return moment.date() if int(text) % DAY_SECONDS == 0 else clock.local_date(moment)
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            continue
    raise AnswerError(f"everflow: {column!r} is no date; nothing was loaded.")
