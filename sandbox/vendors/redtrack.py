"""RedTrack's reporting API."""

import math
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, Response, g, jsonify, request

from sandbox.campaigns import Offer
from sandbox.cast import Profile
from sandbox.clock import day_bounds, days_between, local_day
from sandbox.codes import code
from sandbox.limits import CallWindow
from sandbox.stage import Stage, per_client
from sandbox.tracked import Tracked, tracked_of
from sandbox.vendors.everflow_table import number
from sandbox.vendors.redtrack_report import rows_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KEYS = {"713": "sandbox-redtrack-key-713", "cti": "sandbox-redtrack-key-cti"}
# The account's own zone, used if `timezone` is missing or misspelled.
ACCOUNT_ZONE = ZoneInfo("UTC")
# one of the agency's Everflow tracking domains
TRACKING_DOMAIN = "www.trk-agency.example"


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
        app.add_url_rule("/offers", "offers", lambda: self._listed(_offers))
        app.add_url_rule("/conversions", "conversions", self._conversions)
        app.add_url_rule("/sources", "sources", lambda: self._listed(_sources))
        app.add_url_rule("/me/settings", "settings", self._settings)
        return app

    def _guard(self) -> Response | None:
        # the key is only accepted in the query; a header is ignored
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
        rows = rows_of(self._stage.world, g.profile, self._stage.now(), groups, start, end, zone)
        field = request.args.get("sortby", "clicks").split(",")[0]
        rows.sort(key=lambda row: row.get(field) or 0,
                  reverse=request.args.get("direction", "desc") != "asc")  # fmt: skip
        return self._page(rows, self._stage.caps.redtrack_page, bool(request.args.get("sortby")))

    def _conversions(self) -> Response:
        """Single conversions, newest first; `total` counts all pages."""
        start, end = _day("date_from"), _day("date_to")
        is_ignored = self._stage.quirks.redtrack_conversions_in_account_zone
        zone = ACCOUNT_ZONE if is_ignored else _zone(request.args.get("timezone"))
        first, last = day_bounds(start, zone)[0], day_bounds(end, zone)[1]
        profile: Profile = g.profile
        found = [
            row
            for day in days_between(local_day(first), local_day(last))
            for row in tracked_of(
                self._stage.world.day(profile.client, day),
                profile.campaigns_by_source,
                self._stage.now(),
            )
            if first <= row.at < last
        ]
        for name in ("source_id", "type"):
            if wanted := request.args.get(name):
                found = [row for row in found if getattr(row, name) == wanted]
        found.sort(key=lambda row: (-row.at, row.conversion_id))
        page, per = _paging(self._stage.caps.redtrack_conversions_page)
        currency = {"currency": self._stage.quirks.redtrack_conversion_currency}
        rows = [_tracked(row) | currency for row in found[(page - 1) * per : page * per]]
        is_null = not rows and self._stage.quirks.redtrack_null_for_empty
        total = len(rows if self.name in self._stage.quirks.page_totals else found)
        return jsonify({"items": None if is_null else rows, "total": total})

    def _listed(self, make: Any) -> Response:
        rows: list[dict[str, Any]] = make(g.profile, self._stage.calendar.today())
        return self._page(rows, self._stage.caps.redtrack_list_page, is_ordered=False)

    def _settings(self) -> Response:
        currency = self._stage.quirks.redtrack_currencies.get(g.profile.client, "USD")
        return jsonify({"timezone": ACCOUNT_ZONE.key, "currency": currency})

    def _page(self, rows: list[dict[str, Any]], largest: int, is_ordered: bool) -> Response:
        """One page, in an object if totals are requested too."""
        quirks = self._stage.quirks
        page, per = _paging(largest)
        start = (page - 1) * per
        if quirks.redtrack_rows_move and not is_ordered and page > 1:
            # a row is deleted before the second page, one added before the third, and so on
            start += 1 if page % 2 == 0 else -1
        found = rows[start : start + per]
        if request.args.get("total_stat") == "true" and request.path != "/report":
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


def _campaigns(profile: Profile, today: date) -> list[dict[str, Any]]:
    return [
        {"id": row.campaign_id, "title": row.title, "source_id": row.source_id,
         "source_title": row.source_name, "serial_number": row.serial_number,
         "status": row.status, "cost_model": "cpc", "cpc": 0.5, "type": "",
         "created_at": "2026-01-15T10:00:00Z", "updated_at": "2026-06-01T10:00:00Z",
         "tags": [], "stat": {}}
        for row in profile.campaigns_on(today)
    ]  # fmt: skip


def _offers(profile: Profile, today: date) -> list[dict[str, Any]]:
    """Each offer once. The field of the address is `url` in third-party clients; unverified."""
    offers = {offer.offer_id: offer for row in profile.campaigns for offer in row.offers}
    return [
        {"id": offer.offer_id, "title": offer.title, "url": target_address(offer),
         "network_id": "65d000000000000000000001", "network_title": "Everflow", "status": 1,
         "payout": 28.75, "currency": "USD", "created_at": "2026-01-12T10:00:00Z",
         "updated_at": "2026-06-01T10:00:00Z", "tags": [], "stat": {}}
        for offer in offers.values()
    ]  # fmt: skip


def _sources(profile: Profile, today: date) -> list[dict[str, Any]]:
    return [
        {"id": source.source_id, "title": source.name, "alias": source.alias, "status": "active",
         "type": "traffic", "currency": "USD", "created_at": "2026-01-10T10:00:00Z",
         "updated_at": "2026-06-01T10:00:00Z", "stat": {}}
        for source in profile.sources
    ]  # fmt: skip


def target_address(offer: Offer) -> str:
    """The URL that the offer sends clicks to, including RedTrack's macros."""
    if offer.form == "encoded":
        affiliate = code("tracking_link_affiliate", offer.affiliate_id or 0)
        target = code("tracking_link_offer", offer.everflow_offer_id or 0)
        return f"https://{TRACKING_DOMAIN}/{affiliate}/{target}/?sub1={{clickid}}&sub2={{sub1}}"
    if offer.form == "parameters":
        ids = f"oid={offer.everflow_offer_id}&affid={offer.affiliate_id}"
        return f"https://course.example/start?{ids}&sub1={{clickid}}"
    if offer.form == "encrypted":
        return f"https://{TRACKING_DOMAIN}/cmp/?e=9f2c{offer.offer_id[-6:]}&sub1={{clickid}}"
    return "https://landing.example/quiz?cid={clickid}"


def _tracked(row: Tracked) -> dict[str, Any]:
    is_default = row.type == "Purchase"
    leaf = row.leaf
    moments = {"track_time": row.clicked_at, "conv_time": row.at, "created_at": row.at + 1}
    return {
        "id": row.conversion_id, "clickid": row.click_id,
        **{name: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
           for name, at in moments.items()},
        "campaign": leaf.campaign.title if leaf else "",
        "campaign_id": leaf.campaign.campaign_id if leaf else "",
        "source": row.source_name, "source_id": row.source_id,
        "offer": leaf.offer.title if leaf else "", "offer_id": leaf.offer.offer_id if leaf else "",
        "network": "Everflow", "landing": "LP 4", "type": row.type, "event": "",
        "status": "approved", "payout": number(row.payout), "payout_default": number(row.payout),
        "payout_network": number(row.payout), "cost": 0.51, "cost_default": 0.51,
        "pub_revenue": 0, "type1": int(is_default),
        "type2": int(not is_default), "default_type": int(is_default), "is_transaction": 1,
        "duplicate_status": 0, "external_id": "", "order": "", "coupon": "", "sub1": "",
        "rt_source": "fb", "rt_campaign": "", "country": "US", "device": "Mobile", "os": "iOS",
        "ip": "203.0.113.9", "user_agent": "Mozilla/5.0",
    }  # fmt: skip
