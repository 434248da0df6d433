"""RedTrack's reporting API (VENDOR_APIS section 2)."""

import math
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, Response, g, jsonify, request

from sandbox.cast import Profile
from sandbox.clock import day_bounds, days_between, local_day
from sandbox.events import Spend, cost_of, grown, grown_money, share_of_day
from sandbox.limits import CallWindow
from sandbox.stage import Stage, per_client
from sandbox.vendors.everflow_table import number

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KEYS = {"713": "sandbox-redtrack-key-713", "cti": "sandbox-redtrack-key-cti"}
# The account's own zone, used when `timezone` is missing or misspelt.
ACCOUNT_ZONE = ZoneInfo("UTC")
_COUNTS = ("clicks", "unique_clicks", "impressions", "lp_views", "lp_clicks", "conversions",
           "total_conversions")  # fmt: skip


class BadRequestError(Exception):
    """A request that RedTrack refuses with 400 and this text."""


class RedTrack:
    name = "redtrack"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._calls = CallWindow(stage.limit_clock)

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            **per_client("REDTRACK_API_KEY", KEYS),
            **per_client("REDTRACK_BASE_URL", dict.fromkeys(KEYS, base_url)),
        }

    def close(self) -> None:
        return

    def app(self, base_url: str) -> "WSGIApplication":
        app = Flask("redtrack")
        app.before_request(self._guard)
        app.register_error_handler(BadRequestError, lambda error: refuse(400, str(error)))
        app.register_error_handler(404, lambda error: refuse(404, "not found"))
        app.register_error_handler(405, lambda error: refuse(404, "not found"))
        app.add_url_rule("/report", "report", self._report)
        app.add_url_rule("/campaigns", "campaigns", lambda: self._listed(_campaigns))
        app.add_url_rule("/sources", "sources", lambda: self._listed(_sources))
        return app

    def _guard(self) -> Response | None:
        # the key counts in the query only; a header alone is not looked at
        key = request.args.get("api_key", "")
        client = next((name for name, known in KEYS.items() if known == key), None)
        if client is None:
            return refuse(401, "invalid api key" if key else "api_key is required")
        g.profile = self._stage.world.profiles[client]
        if request.path == "/report" and request.method == "GET":
            limit = self._stage.caps.redtrack_reports_per_minute
            wait = self._calls.wait(client, limit)
            if wait > 0:
                response = refuse(429, "too many requests")
                real = self._stage.limit_clock.real_seconds(wait)
                response.headers["Retry-After"] = str(max(1, math.ceil(real)))
                return response
        return None

    def _report(self) -> Response:
        groups = [name for name in request.args.get("group", "").split(",") if name]
        if not groups:
            raise BadRequestError("group is required")
        start, end = _day("date_from"), _day("date_to")
        zone = _zone(request.args.get("timezone"))
        rows = [
            _row(groups, key, spends, self._stage.now())
            for key, spends in self._grouped(groups, start, end, zone).items()
        ]
        rows = [row for row in rows if row["clicks"] or row["cost"]]
        field = request.args.get("sortby", "clicks").split(",")[0]
        rows.sort(key=lambda row: row.get(field) or 0,
                  reverse=request.args.get("direction", "desc") != "asc")  # fmt: skip
        return self._page(rows, self._stage.caps.redtrack_page, bool(request.args.get("sortby")))

    def _grouped(
        self, groups: list[str], start: date, end: date, zone: ZoneInfo
    ) -> dict[tuple[str, ...], list[tuple[Spend, float, float]]]:
        """Spend by the values grouped by; each with the part of its day that belongs there."""
        now = self._stage.now()
        grouped: dict[tuple[str, ...], list[tuple[Spend, float, float]]] = {}
        one_day = timedelta(days=1)
        for business_day in days_between(start - one_day, end + one_day):
            parts = _parts(business_day, zone, now)
            for spend in self._stage.world.day(g.profile.client, business_day).spend:
                if spend.hidden is not None and spend.hidden.covers(now):
                    continue
                for day, before, after in parts:
                    if start <= day <= end:
                        values = {"date": day.isoformat(), "source": spend.source_id}
                        key = tuple(values.get(name, "") for name in groups)
                        grouped.setdefault(key, []).append((spend, before, after))
        return grouped

    def _listed(self, make: Any) -> Response:
        rows: list[dict[str, Any]] = make(g.profile)
        return self._page(rows, self._stage.caps.redtrack_list_page, is_ordered=False)

    def _page(self, rows: list[dict[str, Any]], largest: int, is_ordered: bool) -> Response:
        """One page, in an envelope where the totals are asked for too."""
        quirks = self._stage.quirks
        page, per = _paging(largest)
        start = (page - 1) * per
        if quirks.redtrack_rows_move and not is_ordered and page > 1:
            # a row left in front of the second page, one came before the third, and so on
            start += 1 if page % 2 == 0 else -1
        found = rows[start : start + per]
        if request.args.get("total_stat") == "true":
            return jsonify({"total": {"clicks": 0, "cost": 0}, "items": found})
        return jsonify(None if not found and quirks.redtrack_null_for_empty else found)


def refuse(status: int, text: str) -> Response:
    response = jsonify({"error": text})
    response.status_code = status
    return response


def _day(name: str) -> date:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError as error:
        raise BadRequestError(f"{name} is required as YYYY-MM-DD") from error


def _zone(name: str | None) -> ZoneInfo:
    if not name:
        return ACCOUNT_ZONE
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadRequestError("unknown timezone") from error


def _paging(largest: int) -> tuple[int, int]:
    try:
        page, per = int(request.args.get("page", 1)), int(request.args.get("per", 100))
    except ValueError as error:
        raise BadRequestError("page and per must be numbers") from error
    return max(1, page), max(1, min(per, largest))


def _parts(day: date, zone: ZoneInfo, now: int) -> list[tuple[date, float, float]]:
    """A business day cut at the zone's midnights, as shares of its traffic, up to now."""
    start, end = day_bounds(day)
    parts, at, stop = [], start, min(end, now)
    while at < stop:
        local = local_day(at, zone)
        until = min(stop, day_bounds(local, zone)[1])
        shares = [share_of_day((moment - start) / (end - start)) for moment in (at, until)]
        parts.append((local, shares[0], shares[1]))
        at = until
    return parts


def _row(
    groups: list[str], key: tuple[str, ...], spends: list[tuple[Spend, float, float]], now: int
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    first = spends[0][0]
    for name, value in zip(groups, key, strict=True):
        row[name] = value
        if name == "source":
            row |= {"source": first.source_name, "source_id": first.source_id,
                    "source_alias": first.source_alias}  # fmt: skip
    for metric in _COUNTS:
        row[metric] = sum(
            grown(getattr(spend, metric), after) - grown(getattr(spend, metric), before)
            for spend, before, after in spends
        )
    cost = revenue = Decimal(0)
    for spend, before, after in spends:
        total = cost_of(spend, now)
        cost += grown_money(total, after) - grown_money(total, before)
        revenue += grown_money(spend.revenue, after) - grown_money(spend.revenue, before)
    other = row["total_conversions"] - row["conversions"]
    row |= {
        "approved": row["conversions"], "pending": 0, "declined": 0, "other": other,
        "cost": number(cost), "revenue": number(revenue), "total_revenue": number(revenue),
        "pub_revenue": 0, "profit": number(revenue - cost),
        "cpc": number(round(cost / row["clicks"], 4)) if row["clicks"] else 0,
        "convtype1": row["conversions"], "convtype2": other,
    }  # fmt: skip
    left_out = frozenset.intersection(*(spend.left_out for spend, _, _ in spends))
    return {name: value for name, value in row.items() if name not in left_out}


def _campaigns(profile: Profile) -> list[dict[str, Any]]:
    return [
        {"id": f"{source.source_id[:-4]}{number:04x}", "title": f"{source.name.strip()} US",
         "source_id": source.source_id, "source_title": source.name, "serial_number": number,
         "status": 2 if number % 7 == 6 else 1, "cost_model": "cpc", "cpc": 0.5, "type": "",
         "created_at": "2026-01-15T10:00:00Z", "updated_at": "2026-06-01T10:00:00Z",
         "tags": [], "stat": {}}
        for number, source in enumerate(profile.sources)
    ]  # fmt: skip


def _sources(profile: Profile) -> list[dict[str, Any]]:
    return [
        {"id": source.source_id, "title": source.name, "alias": source.alias, "status": "active",
         "type": "traffic", "currency": "USD", "created_at": "2026-01-10T10:00:00Z",
         "updated_at": "2026-06-01T10:00:00Z", "stat": {}}
        for source in profile.sources
    ]  # fmt: skip
