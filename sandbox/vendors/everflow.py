"""Everflow's network API."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import Flask, Response, g, jsonify, request

from sandbox.cast import Profile
from sandbox.clock import day_bounds
from sandbox.limits import TokenBucket
from sandbox.stage import Stage, per_client
from sandbox.vendors.everflow_adjustments import add_adjustments
from sandbox.vendors.everflow_codes import add_codes
from sandbox.vendors.everflow_events import add_events
from sandbox.vendors.everflow_lists import add_lists
from sandbox.vendors.everflow_requests import (
    BadRequestError,
    day_of,
    empty,
    filters_of,
    rate_of,
    read_body,
    refuse,
    require,
    zone_of,
)
from sandbox.vendors.everflow_table import (
    DIMENSIONS,
    TIME_COLUMNS,
    Key,
    Metrics,
    Table,
    matches,
    time_bucket,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KEYS = {"713": "sandbox-everflow-key-713", "cti": "sandbox-everflow-key-cti"}
FOREIGN_KEY = "sandbox-everflow-affiliate-portal-key"  # a key of another portal: 403
LONGEST_WINDOW = 367
CONCURRENT_REPORTS = 10
# Flask's endpoint -> its name in `Quirks.everflow_forbidden`
RESOURCES = {
    "table": "table", "conversions": "conversions", "clicks/stream": "clicks",
    "affiliates": "affiliates", "advertisers": "advertisers", "offers": "offers",
    "adjustments": "adjustments", "network": "network", "encode": "encode", "decode": "encode",
    "timezones": "timezones",
}  # fmt: skip


class Everflow:
    name = "everflow"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._bucket = TokenBucket(stage.limit_clock)
        self._reports = threading.BoundedSemaphore(CONCURRENT_REPORTS)

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            **per_client("EVERFLOW_API_KEY", KEYS),
            **per_client("EVERFLOW_BASE_URL", dict.fromkeys(KEYS, base_url)),
        }

    def close(self) -> None:
        return

    def app(self, base_url: str) -> "WSGIApplication":
        app = Flask("everflow")
        app.before_request(self._guard)
        app.after_request(self._rate_headers)
        app.register_error_handler(BadRequestError, lambda error: refuse(400, str(error)))
        app.register_error_handler(404, lambda error: refuse(404, "Not Found"))
        app.add_url_rule(
            "/v1/networks/reporting/entity/table", "table", self._reporting(self._table),
            methods=["POST"],
        )  # fmt: skip
        add_events(app, self._stage, self._reporting)
        add_lists(app, self._stage)
        add_adjustments(app, self._stage)
        add_codes(app)
        return app

    def _guard(self) -> Response | None:
        key = request.headers.get("X-Eflow-API-Key", "")
        forbidden = RESOURCES.get(str(request.endpoint)) in self._stage.quirks.everflow_forbidden
        if key == FOREIGN_KEY:
            return refuse(403, "Out Of Realm")
        if request.endpoint == "timezones" and not key:
            # the only list that needs no key
            return refuse(403, "Forbidden") if forbidden else None
        client = next((name for name, known in KEYS.items() if known == key), None)
        if client is None or client in self._stage.quirks.everflow_elsewhere:
            return refuse(401, "No Authentication Method Found")
        if client in self._stage.quirks.everflow_bound_keys:
            return refuse(403, "IP Address Not Allowed")
        caps = self._stage.caps
        g.left = self._bucket.take(key, caps.everflow_per_second, caps.everflow_burst)
        g.profile = self._stage.world.profiles[client]
        if g.left < 0:
            return refuse(429, "Too Many Requests")
        return refuse(403, "Forbidden") if forbidden else None

    def _rate_headers(self, response: Response) -> Response:
        response.headers["X-RateLimit-Limit"] = str(self._stage.caps.everflow_burst)
        response.headers["X-RateLimit-Remaining"] = str(max(0, int(g.get("left", 0))))
        return response

    def _reporting(self, view: Callable[[], Response]) -> Callable[[], Response]:
        def limited() -> Response:
            if not self._reports.acquire(blocking=False):
                return refuse(429, "Too Many Concurrent Requests")
            try:
                return view()
            finally:
                self._reports.release()

        return limited

    def _table(self) -> Response:
        body = read_body()
        require(body, "from", "to", "timezone_id", "currency_id", "columns")
        start, end = day_of(body["from"], "from"), day_of(body["to"], "to")
        if (end - start).days + 1 > LONGEST_WINDOW:
            raise BadRequestError(f"date range cannot exceed {LONGEST_WINDOW} days")
        zone = zone_of(body["timezone_id"])
        columns = _columns(body["columns"])
        profile: Profile = g.profile
        table = Table(self._stage.world, profile, zone, self._stage.now())
        rate = rate_of(body["currency_id"])
        rows = _rows(table, table.sums(start, end), columns, filters_of(body), profile, zone, rate)
        quirks, cap = self._stage.quirks, self._stage.caps.everflow_rows
        incomplete = len(rows) > cap and not quirks.everflow_silent_cut
        if request.environ.get("sandbox.fault") == "incomplete_results":
            incomplete, cap = True, len(rows) // 2
        paging = {"page": 1, "page_size": self._stage.caps.everflow_rows, "total_count": len(rows)}
        return jsonify(
            {
                "table": empty(rows[:cap], quirks),
                "incomplete_results": incomplete,
                "paging": paging,
            }
        )


def _columns(asked: object) -> list[str]:
    items = asked if isinstance(asked, list) else []
    names = [str(item.get("column")) for item in items if isinstance(item, dict)]
    if not 1 <= len(names) <= 10:
        raise BadRequestError("between 1 and 10 columns are required")
    for name in names:
        if name not in TIME_COLUMNS + DIMENSIONS:
            raise BadRequestError(f"invalid column: {name}")
    if sum(name in TIME_COLUMNS for name in names) > 1:
        raise BadRequestError("only one time column is allowed")
    return names


def _rows(
    table: Table, sums: dict[Key, Metrics], columns: list[str], filters: dict[str, set[str]],
    profile: Profile, zone: ZoneInfo, rate: Decimal,
) -> list[dict[str, Any]]:  # fmt: skip
    """The sums by the requested columns, largest first."""
    grouped: dict[tuple[tuple[str, str], ...], Metrics] = {}
    newest: dict[tuple[tuple[str, str], ...], list[str | None]] = {}
    for key in sorted(sums):
        if matches(key, filters):
            named = [_column(name, key, table, profile, zone) for name in columns]
            ids = tuple((kind, number) for kind, number, _ in named)
            # one row per combination of ids, with the labels of its newest day
            newest[ids] = [label for _, _, label in named]
            grouped.setdefault(ids, Metrics()).add(sums[key])
    rows: list[dict[str, Any]] = []
    for ids, metrics in grouped.items():
        cells = [
            {"column_type": kind, "id": number} | ({} if label is None else {"label": label})
            for (kind, number), label in zip(ids, newest[ids], strict=True)
        ]
        # one network returns its columns in another order: the type identifies them
        rows.append(
            {
                "columns": cells[::-1] if profile.local_midnight else cells,
                "reporting": metrics.in_currency(rate).as_json(),
            }
        )
    rows.sort(key=lambda row: -row["reporting"]["total_click"])
    return rows


def _column(
    name: str, key: Key, table: Table, profile: Profile, zone: ZoneInfo
) -> tuple[str, str, str | None]:
    day, affiliate, advertiser, offer = key
    if name == "affiliate":
        return name, str(affiliate), table.labels.get((affiliate, advertiser, day), "")
    if name == "advertiser":
        return name, str(advertiser), profile.advertiser(advertiser).label
    if name == "offer":
        return name, str(offer), dict(profile.advertiser(advertiser).offers)[offer]
    bucket = time_bucket(name, day)
    midnight = day_bounds(bucket, zone if profile.local_midnight else ZoneInfo("UTC"))[0]
    label = (None, str(midnight), bucket.isoformat())[bucket.toordinal() % 3]
    return name, str(midnight), label
