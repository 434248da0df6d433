"""Everflow's stream of clicks: no pages, and silently cut off after 10,000 rows.

Off unless switched on, because it is large. Days are passed to dlt one by one, so that memory holds
one day at a time; if reading fails, the days before are loaded, and the others keep their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ingest.columns import read_fields
from ingest.model import Part, Pull, Row, Window, days, slices
from ingest.resources import daily_in_parts
from ingest.sources.everflow import settings
from ingest.sources.everflow.client import Network
from ingest.sources.everflow.columns import CLICK_COLUMNS, CLICK_CONTROLLED, CLICK_FIELDS
from signalroom import clock
from signalroom.errors import AnswerError
from signalroom.plural import counted

SECOND = timedelta(seconds=1)
UTC = ZoneInfo(settings.UTC_ZONE)


@daily_in_parts(
    columns=CLICK_COLUMNS, measures=CLICK_CONTROLLED, days_kept=settings.CLICK_DAYS_KEPT
)
def clicks(pull: Pull, network: Network) -> Iterator[Part]:
    """Each day of the window with its clicks, read after the previous day is written."""
    for part in slices(pull.window, settings.CLICK_SLICE_DAYS):
        for day, rows in _by_day(_stream(pull, part, network), part):
            pull.say(f"clicks {day}: {counted(len(rows), 'row')}")
            yield Part(day, rows)


def _by_day(stream: Iterator[Row], window: Window) -> Iterator[tuple[date, list[Row]]]:
    """The rows of each day of the window; the stream is in the order of the days."""
    ahead = next(stream, None)
    for day in days(window):
        rows = []
        while ahead is not None and ahead["date"] == day:
            rows.append(ahead)
            ahead = next(stream, None)
        yield day, rows


def _stream(pull: Pull, window: Window, network: Network) -> Iterator[Row]:
    """The window's clicks, oldest first."""
    first = clock.midnight(window.start)
    last = clock.midnight(window.end + timedelta(days=1)) - SECOND
    waiting = [(first, last, clock.zone())]
    while waiting:
        start, end, zone = waiting.pop()
        entries = _ask(pull, start, end, zone, network)
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
                "out; the table keeps its rows."
            )
        middle = start + timedelta(seconds=seconds // 2)
        # parts of a day in UTC: local time has one hour twice when the clocks go back
        waiting += [(middle + SECOND, end, UTC), (start, middle, UTC)]


def _ask(
    pull: Pull, start: datetime, end: datetime, zone: ZoneInfo, network: Network
) -> list[dict[str, Any]]:
    """The clicks between two seconds, both included; the vendor may cut them off."""
    body = {
        "from": f"{start.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "to": f"{end.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        "timezone_id": network.zone_id(zone.key),
        "query": {"filters": []},
    }
    answer = network.http.post("/networks/reporting/clicks/stream", body)
    entries = (answer["clicks"] or []) if isinstance(answer, dict) and "clicks" in answer else None
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise AnswerError(
            f"everflow for client {pull.client_id}: the answer has no clicks; nothing was loaded."
        )
    return entries


def _row(pull: Pull, start: datetime, end: datetime, entry: dict[str, Any]) -> Row:
    row = read_fields(entry, CLICK_FIELDS, f"everflow for client {pull.client_id}, clicks")
    moment = row["click_at"]
    if moment is None or not start <= moment < end + SECOND:
        raise AnswerError(
            f"everflow for client {pull.client_id}: asked for clicks from {start} to {end}, "
            f"answered for {moment}; nothing was loaded."
        )
    return {"_client_id": pull.client_id, "date": clock.local_date(moment), **row}
