"""PostHog's events by query: pages by time and uuid, each event once.

The list endpoint is not used: its pages lose events of one instant at their edges, and end early
without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.columns import Entries
from ingest.dead_letters import redacted
from ingest.model import DeadLetter, Pull, Row, Window
from ingest.paging import SMALLEST_PAGE
from ingest.resources import daily
from ingest.sources.posthog.client import Project
from ingest.sources.posthog.columns import DAY_COLUMN, EVENT_COLUMNS, EVENTS
from ingest.sources.posthog.settings import PAGE_CAP, PAGE_ROWS, SLICE_DAYS
from ingest.values import count
from ingest.windows import slices
from signalroom import clock
from signalroom.errors import TooLargeError

DEEPEST = 100  # brackets within each other
LONGEST_NUMBER = 300  # characters; more is no number to any engine
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(r"[\[\]{}]")
_NUMBERS = re.compile(r"-?\d[\d.]*(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class _Place:
    """The last event of a page."""

    at: datetime
    uuid: str


@daily(columns={**EVENTS.columns, **DAY_COLUMN}, documents=tuple(EVENTS.documents), limit="queries")
def events(pull: Pull, project: Project) -> list[Row]:
    """The events of every day of the window."""
    entries = Entries("events", pull, EVENTS)
    rows: dict[str, Row] = {}
    for part in slices(pull.window, SLICE_DAYS):
        for row in _halved(project, part, entries):
            known = rows.get(row["uuid"])
            # an event that was sent twice is there twice until PostHog merges it
            if known is None or _known_at(known) < _known_at(row):
                rows[row["uuid"]] = row
        pull.say(f"events {part}: {len(rows):,} rows")
    return [row for row in rows.values() if not _is_rejected(pull, row)]


def _is_rejected(pull: Pull, row: Row) -> bool:
    """Whether no engine could read the event's properties; it is kept as a dead letter then."""
    reason = _unreadable(row["properties"])
    if reason:
        scope = {"client_id": pull.client_id, "source": pull.source, "table_name": "events"}
        said = {name: str(row[name]) for name in ("uuid", "event", "timestamp")}
        pull.metrics.dead_letters.append(
            DeadLetter(
                str(row["date"]), f"event {row['uuid']}: {reason}", redacted(said, scope) or ""
            )
        )
    return bool(reason)


def _unreadable(properties: object) -> str:
    """Why JSON cannot be stored and read again; empty where it can."""
    if not isinstance(properties, str):
        return ""
    bare = _TEXTS.sub("", properties)
    depth = deepest = 0
    for mark in _BRACKETS.findall(bare):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        return f"its properties are nested {deepest} deep"
    for digits in _NUMBERS.findall(bare):
        if len(digits) > LONGEST_NUMBER:
            return f"its properties hold a number of {len(digits):,} characters"
        if math.isinf(float(digits)):
            return f"its properties hold the number {digits}"
    return ""


def _halved(project: Project, window: Window, entries: Entries) -> list[Row]:
    """The window's rows, in parts where one answer would be too large."""
    days = (window.end - window.start).days + 1
    size = PAGE_ROWS
    while True:
        try:
            return list(_rows(project, window, entries, size))
        except TooLargeError:
            if days > 1:
                return [
                    row
                    for half in slices(window, (days + 1) // 2)
                    for row in _halved(project, half, entries)
                ]
            if size <= SMALLEST_PAGE:
                raise
            size = max(SMALLEST_PAGE, size // 4)


def event_requests(pull: Pull, project: Project) -> int:
    """How many pages the events of the window take."""
    pages = 0
    for part in slices(pull.window, SLICE_DAYS):
        entries = Entries("events", pull, EVENTS)
        question = f"SELECT count() FROM events WHERE {_within(part)}"  # noqa: S608
        answer = _ask(project, question, entries)
        try:
            found = count(answer["results"][0][0]) or 0
        except (LookupError, TypeError):
            raise entries.error(f"{part}: the events cannot be counted") from None
        pages += found // PAGE_ROWS + 1
    return pages


def _rows(project: Project, window: Window, entries: Entries, size: int) -> Iterator[Row]:
    last: _Place | None = None
    for _ in range(PAGE_CAP):
        question = (
            f"SELECT {', '.join(EVENT_COLUMNS)} FROM events WHERE {_within(window, last)} "  # noqa: S608
            f"ORDER BY timestamp, uuid LIMIT {size}"
        )
        answer = _ask(project, question, entries)
        page = _page(answer, window, entries)
        yield from page
        cap = count(answer.get("limit")) or size  # the instance may allow less
        if len(page) < min(cap, size) and not answer.get("hasMore"):
            return
        reached = _Place(page[-1]["timestamp"], page[-1]["uuid"]) if page else last
        if reached == last or (last and reached and reached.at < last.at):
            raise entries.error(f"{window}: there is said to be more, yet nothing more comes")
        last = reached
    raise entries.error(f"{window}: more than {PAGE_CAP} pages")


def _known_at(row: Row) -> tuple[datetime, datetime]:
    return row["created_at"] or row["timestamp"], row["timestamp"]


def _within(window: Window, after: _Place | None = None) -> str:
    """The condition for the window, or for what comes behind an event of it."""
    start = after.at if after else clock.midnight(window.start)
    end = clock.midnight(window.end + timedelta(days=1))
    found = f"timestamp >= {_instant(start)} AND timestamp < {_instant(end)}"
    if after:
        # a uuid that was read as one: nothing of an answer is pasted into a question as it is
        found += f" AND (timestamp, uuid) > ({_instant(after.at)}, toUUID('{UUID(after.uuid)}'))"
    return found


def _instant(moment: datetime) -> str:
    # without the zone it would be read in the project's own
    return f"toDateTime('{moment:%Y-%m-%d %H:%M:%S.%f}', 'UTC')"


def _ask(project: Project, question: str, entries: Entries) -> dict[str, Any]:
    answer = project.http.post(
        project.path("query"),
        {
            "query": {"kind": "HogQLQuery", "query": question},
            "name": "signalroom",
            "refresh": "force_blocking",  # else a cached answer would hide what came since
        },
    )
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise entries.error("the answer to a query has no results")
    if answer.get("error"):
        raise entries.error("the query failed at PostHog")
    return answer


def _page(answer: dict[str, Any], window: Window, entries: Entries) -> list[Row]:
    names = answer.get("columns")
    if not isinstance(names, list) or not set(EVENT_COLUMNS) <= set(names):
        raise entries.error(f"{window}: the answer lacks some of {', '.join(EVENT_COLUMNS)}")
    zone = str(answer.get("timezone") or "UTC")
    page = []
    for values in answer["results"]:
        if not isinstance(values, list) or len(values) != len(names):
            raise entries.error(f"{window}: an event is no list of {len(names)} values")
        entry = dict(zip(names, values, strict=True))
        for name in ("timestamp", "created_at"):
            entry[name] = _with_zone(entry[name], zone)
        page.append(_row(entry, window, entries))
    if any(one["timestamp"] > two["timestamp"] for one, two in pairwise(page)):
        raise entries.error(f"{window}: the events do not come in order of time")
    return page


def _row(entry: dict[str, Any], window: Window, entries: Entries) -> Row:
    row = entries.row(entry)
    try:
        UUID(row["uuid"])
        day = clock.local_date(row["timestamp"])
    except (TypeError, ValueError, AttributeError):
        raise entries.error(f"{window}: an event has no uuid or no time") from None
    if not window.start <= day <= window.end:
        raise entries.error(f"asked for events of {window}, answered for {day}")
    row["date"] = day
    return row


def _with_zone(value: object, zone: str) -> object:
    """An instant with its offset; a text without one is in the zone that the answer names."""
    try:
        moment = datetime.fromisoformat(str(value))
        return value if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ValueError, ZoneInfoNotFoundError):
        return value
