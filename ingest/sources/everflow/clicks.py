"""Everflow's stream of clicks: no pages, no flag, and nothing beyond the first 10,000 rows.

Off unless switched on, for it is large. Days are read while they are loaded, so that memory holds
one day at a time; whatever fails on the way leaves the table as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ingest.columns import read_fields
from ingest.http import VendorClient
from ingest.landing import Landing, Pull, Row, Window
from ingest.privacy.rows import Protection
from ingest.replacement import totals_by_day
from ingest.sources.everflow import settings
from ingest.sources.everflow.client import TimeZones, connect
from ingest.windows import days, slices
from signalroom import clock
from signalroom.errors import AnswerError

SECOND = timedelta(seconds=1)
UTC = ZoneInfo(settings.UTC_ZONE)


def clicks_landing(pull: Pull, zones: TimeZones) -> Landing:
    """The clicks of every day of the window; the days are replaced whole."""
    protection = Protection("everflow", "clicks", pull.client_id)
    landing = Landing(
        table="clicks",
        rows=(),
        columns=protection.columns(settings.CLICK_COLUMNS),
        merge_key=("_client_id", "date"),
    )
    _ = zones.business  # looked up now: the rows come when the connection is closed
    landing.rows = _rows(pull, landing, protection, zones)
    return landing


def _rows(pull: Pull, landing: Landing, protection: Protection, zones: TimeZones) -> Iterator[Row]:
    """A tombstone for each day, then its clicks; the day's totals once it is read."""
    with connect(pull.client_id) as http:
        for part in slices(pull.window, settings.CLICK_SLICE_DAYS):
            for day, rows in _by_day(_stream(http, pull, part, zones), part):
                pull.say(f"clicks {day}: {len(rows):,} rows")
                kept = protection.rows(rows)
                landing.totals += totals_by_day(kept, [day], settings.CLICK_CONTROLLED)
                yield {"_client_id": pull.client_id, "date": day, "_deleted": True}
                yield from kept


def _by_day(stream: Iterator[Row], window: Window) -> Iterator[tuple[date, list[Row]]]:
    """The rows of each day of the window; the stream is in the order of the days."""
    ahead = next(stream, None)
    for day in days(window):
        rows = []
        while ahead is not None and ahead["date"] == day:
            rows.append(ahead)
            ahead = next(stream, None)
        yield day, rows


def _stream(http: VendorClient, pull: Pull, window: Window, zones: TimeZones) -> Iterator[Row]:
    """The window's clicks, oldest first."""
    first = clock.midnight(window.start)
    last = clock.midnight(window.end + timedelta(days=1)) - SECOND
    waiting = [(first, last, clock.zone())]
    while waiting:
        start, end, zone = waiting.pop()
        entries = _ask(http, pull, start, end, zone, zones)
        if len(entries) < settings.CLICK_ROW_CAP:
            yield from sorted(
                (_row(pull, start, end, entry) for entry in entries),
                key=lambda row: (row["click_at"], row["transaction_id"] or ""),
            )
            continue
        seconds = int((end - start).total_seconds())
        if seconds == 0:
            raise AnswerError(
                f"everflow for client {pull.client_id}: more than {settings.CLICK_ROW_CAP:,} "
                f"clicks in the second {start:%Y-%m-%d %H:%M:%S} UTC, the vendor leaves the rest "
                "out; the table keeps what it had."
            )
        middle = start + timedelta(seconds=seconds // 2)
        # parts of a day in UTC: local time has one hour twice when the clocks go back
        waiting += [(middle + SECOND, end, UTC), (start, middle, UTC)]


def _ask(
    http: VendorClient,
    pull: Pull,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    zones: TimeZones,
) -> list[dict[str, Any]]:
    """The clicks from one second to another, both included, as far as the vendor gives them."""
    asked = {
        "from": f"{start.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "to": f"{end.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "timezone_id": zones.id(zone.key),
        "query": {"filters": []},
    }
    answer = http.post("/networks/reporting/clicks/stream", asked)
    entries = (answer["clicks"] or []) if isinstance(answer, dict) and "clicks" in answer else None
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise AnswerError(
            f"everflow for client {pull.client_id}: the answer has no clicks; nothing was loaded."
        )
    return entries


def _row(pull: Pull, start: datetime, end: datetime, entry: dict[str, Any]) -> Row:
    row = read_fields(entry, settings.CLICK_FIELDS, f"everflow for client {pull.client_id}, clicks")
    moment = row["click_at"]
    if moment is None or not start <= moment < end + SECOND:
        raise AnswerError(
            f"everflow for client {pull.client_id}: asked for clicks from {start} to {end}, "
            f"answered for {moment}; nothing was loaded."
        )
    return {"_client_id": pull.client_id, "date": clock.local_date(moment), **row}
