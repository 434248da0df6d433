"""PostHog's events by query: pages by time and uuid, each event once.

The list endpoint is not used: its pages lose events of the same instant at page boundaries, and it
can end early without an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise, zip_longest
from operator import itemgetter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns import Entries, count
from ingest.dead_letters import redacted
from ingest.model import DeadLetter, Part, Pull, Row, Window, days, slices
from ingest.resources import daily_in_parts
from ingest.sources.posthog.client import Project
from ingest.sources.posthog.columns import DAY_COLUMN, EVENT_COLUMNS, EVENTS
from ingest.sources.posthog.settings import PAGE_CAP, PAGE_ROWS, SLICE_DAYS
from signalroom import clock
from signalroom.errors import AnswerError, TooLargeError
from signalroom.plural import counted

DEEPEST = 100  # nested brackets
LONGEST_NUMBER = 300  # characters; no engine reads a longer one as a number
PLACE = ("uuid", "timestamp")
TIMES = ("created_at", "timestamp")
REASON = "_reason"  # why an event cannot be stored; not a column
TOO_OLD = (
    "This PostHog is too old to be told the time zone of an instant: update it to a version of "
    "2025 or later (POSTHOG_HOST)."
)
SMALLER = 4  # halvings, where a response would be too large
# One that does not end is not JSON: it is read once, not from each quote in it.
_TEXTS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


class _NoPlaceError(Exception):
    """An event without a uuid or a time, which cannot be ordered."""


class _UnreadableError(Exception):
    """Why no engine could read an event's properties."""


@dataclass(frozen=True)
class _Place:
    """The last event of a page."""

    at: datetime
    uuid: str

    def __str__(self) -> str:
        return f"{self.at.isoformat()} {self.uuid}"

    @classmethod
    def of(cls, text: str) -> _Place | None:
        """The place that was written as text; None for an empty one."""
        at, _, uuid = text.partition(" ")
        return cls(datetime.fromisoformat(at), uuid) if text else None


def newest_once(table: pa.Table, known: set[Any]) -> pa.Table:
    """The events of a day, each once as it was known last, without those of the days before.

    An event that was sent twice is returned twice until PostHog merges it.
    """
    if "uuid" not in table.column_names:  # a client's policy drops it
        return table
    uuids = table["uuid"].to_pylist()
    if len(set(uuids)) == len(uuids) and known.isdisjoint(uuids):
        known.update(uuids)
        return table
    times = [table[name] for name in TIMES if name in table.column_names]
    known_at = list(
        zip(*(one.to_pylist() for one in (pc.coalesce(*times), *times[1:])), strict=True)
    )
    newest: dict[str, int] = {}
    for number, uuid in enumerate(uuids):
        if uuid not in known and (uuid not in newest or known_at[newest[uuid]] < known_at[number]):
            newest[uuid] = number
    known.update(newest)
    return table.take(sorted(newest.values()))


@daily_in_parts(
    columns={**EVENTS.columns, **DAY_COLUMN},
    documents=tuple(EVENTS.documents),
    limit="queries",
    once=newest_once,
)
def events(pull: Pull, project: Project) -> Iterator[Part]:
    """Each day of the window with its events, page by page.

    A day is whole once the events after it were reached: whole days and pages that were read before
    a query is throttled are not read again.
    """
    entries = Entries("events", pull, EVENTS)
    rows = 0
    for window, place in _stretches(pull):
        day = window.start
        for page, last in _pages(project, window, entries, place):
            for found, some in groupby(page, key=itemgetter("date")):
                while day < found:
                    yield Part(day, [])
                    day += timedelta(days=1)
                kept = [row for row in some if not _is_rejected(pull, row)]
                rows += len(kept)
                pull.say(f"events {day}: {counted(rows, 'row')}")
                yield Part(day, kept, str(last))
        for whole in days(Window(day, window.end)):
            yield Part(whole, [])


def _stretches(pull: Pull) -> Iterator[tuple[Window, _Place | None]]:
    """The window in parts; one begins where an unfinished day was read to."""
    starts = sorted({pull.window.start, *pull.reached})
    for start, following in zip_longest(starts, starts[1:]):
        end = following - timedelta(days=1) if following else pull.window.end
        place = _Place.of(pull.reached.get(start, ""))
        for part in slices(Window(start, end), SLICE_DAYS):
            yield part, place
            place = None


def _is_rejected(pull: Pull, row: Row) -> bool:
    """Whether the event cannot be stored; it is kept as a dead letter then."""
    reason = row.pop(REASON, None) or _unreadable(row["properties"])
    if reason:
        _reject(pull, row["date"], f"event {row['uuid']}: {reason}", row)
    return bool(reason)


def _reject(pull: Pull, day: date, reason: str, event: Mapping[str, object]) -> None:
    """Keep an event that cannot be stored as a dead letter of the day."""
    scope = {"client_id": pull.client_id, "source": pull.source, "table_name": "events"}
    texts = {name: str(event[name])[:LONGEST_NUMBER] for name in ("uuid", "event", "timestamp")}
    letter = DeadLetter(str(day), reason, redacted(texts, scope) or "")
    if letter not in pull.metrics.dead_letters:  # an event may be sent twice
        pull.metrics.dead_letters.append(letter)


def _unreadable(properties: object) -> str:
    """Why JSON, as text or parsed, cannot be stored and read again; empty where it can."""
    try:
        deepest = _depth(properties)
        if deepest > DEEPEST:
            return f"its properties are nested {deepest} deep"
        if isinstance(properties, str) and properties.strip():
            json.loads(properties, strict=False, parse_int=_checked, parse_float=_checked)
    except _UnreadableError as error:
        return str(error)
    except (ValueError, RecursionError):
        return "its properties are not JSON"
    return ""


def _depth(properties: object) -> int:
    """The nesting depth of brackets; raises for a number of a parsed value."""
    depth = deepest = 0
    if isinstance(properties, str):
        for mark in _BRACKETS.findall(_TEXTS.sub("", properties)):
            depth += 1 if mark in "[{" else -1
            deepest = max(deepest, depth)
        return deepest
    waiting = [(properties, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, (dict, list)):
            deepest = max(deepest, depth)
            inner = value.values() if isinstance(value, dict) else value
            waiting += [(one, depth + 1) for one in inner]
        elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            _checked(str(value))
    return deepest


def _checked(digits: str) -> str:
    if len(digits) > LONGEST_NUMBER:
        raise _UnreadableError(f"its properties hold a number of {len(digits):,} characters")
    if math.isinf(float(digits)):
        raise _UnreadableError(f"its properties hold the number {digits}")
    return digits


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


def _pages(
    project: Project, window: Window, entries: Entries, last: _Place | None
) -> Iterator[tuple[list[Row], _Place]]:
    """The window's events behind a place, ordered by time: each page and its last event."""
    size = PAGE_ROWS
    for _ in range(PAGE_CAP):
        question = (
            f"SELECT {', '.join(EVENT_COLUMNS)} FROM events WHERE {_within(window, last)} "  # noqa: S608
            f"ORDER BY timestamp, uuid LIMIT {size}"
        )
        try:
            answer = _ask(project, question, entries)
        except TooLargeError:
            if size == 1:
                raise
            size = max(1, size // SMALLER)
            continue
        page = _page(project.pull, answer, window, entries)
        if page and last and page[0]["timestamp"] < last.at:
            raise entries.error(f"{window}: the events do not come in order of time")
        reached = _Place(page[-1]["timestamp"], page[-1]["uuid"]) if page else last
        if page and reached:
            yield page, reached
        cap = count(answer.get("limit")) or size  # the instance may allow fewer
        if len(answer["results"]) < min(cap, size) and not answer.get("hasMore"):
            return
        if reached == last:
            raise entries.error(f"{window}: hasMore is set, but the page has nothing new")
        last = reached
    raise entries.error(f"{window}: more than {PAGE_CAP} pages")


def _within(window: Window, after: _Place | None = None) -> str:
    """The condition for the window, or for what follows one of its events."""
    start = after.at if after else clock.midnight(window.start)
    end = clock.midnight(window.end + timedelta(days=1))
    found = f"timestamp >= {_instant(start)} AND timestamp < {_instant(end)}"
    if after:
        # a parsed uuid: no text of a response goes into a query unchecked
        found += f" AND (timestamp, uuid) > ({_instant(after.at)}, toUUID('{UUID(after.uuid)}'))"
    return found


def _instant(moment: datetime) -> str:
    # without the zone it would be read in the project's zone
    return f"toDateTime('{moment:%Y-%m-%d %H:%M:%S.%f}', 'UTC')"


def ask_once(project: Project, window: Window) -> None:
    """Request one event of the window, as a pull does; raises SourceError if a pull would."""
    question = f"SELECT uuid FROM events WHERE {_within(window)} LIMIT 1"  # noqa: S608
    _ask(project, question, Entries("events", project.pull, EVENTS))


def _ask(project: Project, question: str, entries: Entries) -> dict[str, Any]:
    body = {
        "query": {"kind": "HogQLQuery", "query": question},
        "name": "signalroom",
        "refresh": "force_blocking",  # otherwise a cached response would hide newer events
    }
    try:
        answer = project.http.post(project.path("query"), body)
    except AnswerError as error:
        if "toDateTime" in str(error) and "argument" in str(error):
            raise AnswerError(f"{error} {TOO_OLD}", error.payload) from None
        raise
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise entries.error("the answer to a query has no results")
    if answer.get("error"):
        raise entries.error("the query failed at PostHog")
    return answer


def _page(pull: Pull, answer: dict[str, Any], window: Window, entries: Entries) -> list[Row]:
    given = answer.get("columns")
    names = [str(name) for name in given] if isinstance(given, list) else []
    if not set(EVENT_COLUMNS) <= set(names):
        raise entries.error(f"{window}: the answer lacks some of {', '.join(EVENT_COLUMNS)}")
    zone = str(answer.get("timezone") or "UTC")
    page: list[Row] = []
    lost: list[str] = []
    for values in answer["results"]:
        if not isinstance(values, list) or len(values) != len(names):
            raise entries.error(f"{window}: an event is not a list of {len(names)} values")
        entry = dict(zip(names, values, strict=True))
        for name in ("timestamp", "created_at"):
            entry[name] = _with_zone(entry[name], zone)
        try:
            page.append(_row(entry, window, entries))
        except _NoPlaceError as error:
            lost.append(str(error))
            _reject(pull, window.start, f"event {entry['uuid']}: {error}", entry)
    if len(lost) > len(page):  # not a single event: the whole response has another format
        raise AnswerError(lost[-1])
    if any(one["timestamp"] > two["timestamp"] for one, two in pairwise(page)):
        raise entries.error(f"{window}: the events do not come in order of time")
    return page


def _row(entry: dict[str, Any], window: Window, entries: Entries) -> Row:
    reason = None
    try:
        row = entries.row(entry)
    except AnswerError as error:
        # only its position is needed to read the others
        reason = str(error)
        try:
            row = entries.row({**dict.fromkeys(entry), **{name: entry[name] for name in PLACE}})
        except AnswerError:
            raise _NoPlaceError(reason) from None
    try:
        UUID(row["uuid"])
        day = clock.local_date(row["timestamp"])
    except (TypeError, ValueError, AttributeError):
        raise _NoPlaceError(str(entries.error("an event has no uuid or no time"))) from None
    if not window.start <= day <= window.end:
        raise entries.error(f"asked for events of {window}, answered for {day}")
    row["date"] = day
    return {**row, REASON: reason} if reason else row


def _with_zone(value: object, zone: str) -> object:
    """An instant with its offset; text without one is in the response's zone."""
    try:
        moment = datetime.fromisoformat(str(value))
        return value if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ValueError, ZoneInfoNotFoundError):
        return value
