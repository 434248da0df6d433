"""PostHog's private API; the list of events is in `posthog_events`."""

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Flask, Response, g, jsonify, request

from sandbox.limits import CallWindow
from sandbox.stage import Stage, per_client
from sandbox.vendors.hogql import HogQLError, Query, parse, sort_key
from sandbox.vendors.posthog_events import BadRequestError, listed_events
from sandbox.visits import MICRO, Event, personal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KEYS = {"713": "sandbox-posthog-key-713", "cti": "sandbox-posthog-key-cti"}
PROJECTS = {"713": "9001", "cti": "9002"}
# Query responses are in the project's zone.
ZONES = {"713": ZoneInfo("UTC"), "cti": ZoneInfo("America/New_York")}
LIST_PAGE = 100
AUTHOR = {"id": 3, "first_name": "Augusta", "last_name": "King", "email": "augusta@agency.example"}


class PostHog:
    name = "posthog"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._queries = CallWindow(stage.limit_clock)
        self._queries_of_hour = CallWindow(stage.limit_clock, 3600.0)
        self._lists = CallWindow(stage.limit_clock)
        self._cached: dict[tuple[str, str], dict[str, Any]] = {}

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            **per_client("POSTHOG_API_KEY", KEYS),
            **per_client("POSTHOG_PROJECT_ID", PROJECTS),
            **per_client("POSTHOG_HOST", dict.fromkeys(KEYS, base_url)),
        }

    def close(self) -> None:
        return

    def app(self, base_url: str) -> "WSGIApplication":
        app = Flask("posthog")
        app.url_map.strict_slashes = False
        app.before_request(self._guard)
        for kind in (BadRequestError, HogQLError):
            app.register_error_handler(
                kind, lambda error: refuse(400, "validation_error", "invalid_input", str(error))
            )
        app.register_error_handler(
            404, lambda error: refuse(404, "invalid_request", "not_found", "Not found.")
        )
        root = "/api/projects/<project>"
        app.add_url_rule(f"{root}/query/", "query", self._query, methods=["POST"])
        app.add_url_rule(f"{root}/events/", "events", self._events)
        app.add_url_rule(f"{root}/feature_flags/", "flags", self._flags)
        app.add_url_rule(f"{root}/experiments/", "experiments", self._experiments)
        return app

    def _guard(self) -> Response | None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        client = next((name for name, known in KEYS.items() if known == key), None)
        if client is None:
            text = "Invalid personal API key." if key else "Authentication credentials were missing"
            return refuse(401, "authentication_error", "authentication_failed", text)
        if (request.view_args or {}).get("project") != PROJECTS[client]:
            return refuse(403, "authentication_error", "permission_denied",
                          "You don't have access to the project.")  # fmt: skip
        g.client = client
        wait = self._wait(client)
        if wait > 0:
            seconds = max(1, math.ceil(self._stage.limit_clock.real_seconds(wait)))
            text = f"Request was throttled. Expected available in {seconds} seconds."
            return refuse(429, "throttled_error", "throttled", text)
        return None

    def _wait(self, client: str) -> float:
        """Simulated seconds until this call is allowed; lists and queries have separate limits."""
        caps = self._stage.caps
        if request.endpoint in ("flags", "experiments"):
            return self._lists.wait(client, caps.posthog_lists_per_minute)
        wait = self._queries.wait(client, caps.posthog_per_minute)
        if wait == 0 and request.endpoint == "query":
            wait = self._queries_of_hour.wait(client, caps.posthog_queries_per_hour)
        return wait

    def _known(self) -> list[Event]:
        return self._stage.world.visits.known(g.client, self._stage.now())

    def _query(self, project: str) -> Response:
        body = request.get_json(silent=True) or {}
        asked = body.get("query") or {}
        if asked.get("kind") != "HogQLQuery" or not isinstance(asked.get("query"), str):
            raise BadRequestError("query: a HogQLQuery is expected")
        text: str = asked["query"]
        refresh = body.get("refresh", "blocking")
        if str(refresh).endswith("async"):
            return jsonify({"query_status": {"id": "q1", "complete": False, "results": None}})
        zone = ZONES[g.client]
        cached = self._cached.get((g.client, text))
        if cached is not None and refresh == "blocking":
            return jsonify({**cached, "is_cached": True})
        query = parse(text, zone, self._stage.quirks.posthog_is_old)
        answer = self._answer(query, zone) | {"hogql": text, "is_cached": False}
        self._cached[g.client, text] = answer
        return jsonify(answer)

    def _answer(self, query: Query, zone: ZoneInfo) -> dict[str, Any]:
        found = [event for event in self._known() if query.matches(event)]
        # without an order they come in storage order
        found.sort(key=lambda event: event.uuid[::-1])
        for name in reversed(query.order):
            found.sort(key=sort_key(name))
        if query.columns == ("count()",):
            return {"results": [[len(found)]], "columns": ["count()"], "hasMore": False}
        limit = min(query.limit, self._stage.caps.posthog_rows)
        shown = found[:limit]
        poisoned = self._stage.quirks.posthog_properties
        rows: list[list[Any]] = [
            [
                poisoned[event.uuid]
                if name == "properties" and event.uuid in poisoned
                else _cell(event, name, zone)
                for name in query.columns
            ]
            for event in shown
        ]
        return {
            "results": rows, "columns": list(query.columns),
            "types": [[name, "String"] for name in query.columns],
            "hasMore": len(found) > limit, "limit": limit, "offset": 0,
            "timezone": zone.key, "error": None,
        }  # fmt: skip

    def _events(self, project: str) -> Response:
        return jsonify(listed_events(self._known(), self._stage.now(), self._stage.caps))

    def _flags(self, project: str) -> Response:
        flags = self._stage.world.visits.flags(g.client, self._stage.now())
        return _page([_dated(flag, "created_at") | {"created_by": AUTHOR} for flag in flags])

    def _experiments(self, project: str) -> Response:
        # without `archived` archived ones are left out, with it only those are shown
        is_archived = request.args.get("archived", "false").lower() in ("true", "1")
        every = self._stage.world.visits.experiments(g.client, self._stage.now())
        found = [row for row in every if row["archived"] == is_archived]
        return _page(
            [
                _dated(row, "created_at", "updated_at", "start_date", "end_date")
                | {"feature_flag": {"id": row["feature_flag_id"], "created_by": AUTHOR}}
                | {"created_by": AUTHOR}
                for row in found
            ],
            "feature_flag_id",
        )


def refuse(status: int, kind: str, code: str, detail: str) -> Response:
    response = jsonify({"type": kind, "code": code, "detail": detail, "attr": None})
    response.status_code = status
    return response


def _page(rows: list[dict[str, Any]], *left_out: str) -> Response:
    """Django REST framework's envelope; `next` is a whole address."""
    try:
        limit = int(request.args.get("limit", LIST_PAGE))
        offset = int(request.args.get("offset", 0))
    except ValueError as error:
        raise BadRequestError("limit and offset must be numbers") from error
    until = offset + max(1, limit)
    others = {
        name: value for name, value in request.args.items() if name not in ("limit", "offset")
    }
    address = f"{request.base_url}?{urlencode(others | {'limit': limit})}&offset="
    return jsonify(
        {
            "count": len(rows),
            "next": f"{address}{until}" if until < len(rows) else None,
            "previous": f"{address}{max(0, offset - limit)}" if offset else None,
            "results": [
                {name: value for name, value in row.items() if name not in left_out}
                for row in rows[offset:until]
            ],
        }
    )


def _dated(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return row | {
        name: None if row[name] is None else datetime.fromtimestamp(row[name], UTC).isoformat()
        for name in names
    }


def _cell(event: Event, name: str, zone: ZoneInfo) -> str:
    if name == "properties":
        return json.dumps(personal(event))
    if name in ("timestamp", "created_at"):
        return written(event.at if name == "timestamp" else event.known_at, zone)
    return {"uuid": event.uuid, "event": event.name, "distinct_id": event.distinct_id}[name]


def written(moment: int, zone: ZoneInfo) -> str:
    """Six digits; Z in a UTC project, else the offset."""
    at = datetime.fromtimestamp(moment // MICRO, zone).replace(microsecond=moment % MICRO)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
