"""PostHog's old list of events: newest first, and it loses some.

Its bounds are exclusive, so that events of the same instant are lost between two pages; and a page
may be short, or the last one, although there are older events.
"""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import request

from sandbox.limits import Caps
from sandbox.visits import MICRO, Event, personal

DAY = 24 * 3600 * MICRO
YEAR, LONG = 366 * DAY, 5 * DAY


class BadRequestError(Exception):
    """A request that PostHog refuses with 400 and this text."""


def listed_events(known: list[Event], now: int, caps: Caps) -> dict[str, Any]:
    """The answer to GET /events/."""
    before = _bound("before", now * MICRO)
    after = _bound("after", now * MICRO - DAY)  # without one: only the last day
    if before - after > YEAR:
        raise BadRequestError("before and after may be a year apart")
    limit = min(_number("limit", 100), caps.posthog_events_page)
    is_ascending = _order() == "timestamp"
    wanted = request.args.get("event")
    found = sorted(
        {
            event.uuid: event
            for event in known
            if after < event.at < before and wanted in (None, event.name)
        }.values(),
        key=lambda event: event.at,
        reverse=not is_ascending,
    )
    shown, link = found[:limit], None
    if len(found) > limit:
        # over a long range it silently stops after half a page
        if limit > 1 and abs(found[0].at - found[-1].at) > LONG:
            shown = shown[: limit // 2]
        else:
            link = _next(shown[-1], "after" if is_ascending else "before")
    return {"next": link, "results": [_entry(event) for event in shown]}


def _entry(event: Event) -> dict[str, Any]:
    is_known = event.email is not None
    return {
        "id": event.uuid,
        "distinct_id": event.distinct_id,
        "properties": personal(event),
        "event": event.name,
        "timestamp": _iso(event.at),
        "person": {"is_identified": True, "distinct_ids": [event.distinct_id],
                   "properties": {"email": event.email}} if is_known else None,
        "elements": [],
        "elements_chain": "",
    }  # fmt: skip


def _next(last: Event, name: str) -> str:
    asked = {**request.args.to_dict(), name: _iso(last.at)}
    return f"{request.base_url}?{urlencode(asked)}"


def _iso(moment: int) -> str:
    at = datetime.fromtimestamp(moment // MICRO, UTC).replace(microsecond=moment % MICRO)
    return at.isoformat(timespec="microseconds")


def _bound(name: str, default: int) -> int:
    text = request.args.get(name)
    if not text:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequestError(f"{name} is not a timestamp") from error
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return int(moment.timestamp()) * MICRO + moment.microsecond


def _number(name: str, default: int) -> int:
    try:
        return max(1, int(request.args.get(name, default)))
    except ValueError as error:
        raise BadRequestError(f"{name} must be a number") from error


def _order() -> str:
    try:
        order = json.loads(request.args.get("orderBy", '["-timestamp"]'))
    except json.JSONDecodeError as error:
        raise BadRequestError("orderBy must be a JSON list") from error
    return str(order[0]) if isinstance(order, list) and order else "-timestamp"
