"""Everflow's single events: conversions, and the stream of clicks."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from flask import Flask, Response, g, jsonify, request

from sandbox.cast import Profile
from sandbox.clicks import Click, clicks_of, transaction_id
from sandbox.clock import days_between, local_day
from sandbox.events import Conversion, DayLog, State, state_of
from sandbox.stage import Stage
from sandbox.vendors.everflow_requests import (
    BadRequestError,
    empty,
    filters_of,
    paging,
    rate_of,
    read_body,
    window_of,
)
from sandbox.vendors.everflow_table import number

View = Callable[[], Response]
CLICKS_KEPT_DAYS = 90


def add_events(app: Flask, stage: Stage, reporting: Callable[[View], View]) -> None:
    sizes: dict[tuple[str, str, str], str] = {}  # client and window -> page size requested first

    def conversions() -> Response:
        body = read_body()
        start, end = window_of(body, 366)
        if not body.get("show_conversions") and not body.get("show_events"):
            raise BadRequestError("show_conversions or show_events must be true")
        oldest = stage.now() - 365 * 86400
        rows = _conversions(stage, g.profile, max(start, oldest), end, body)
        page, size = paging(50, stage.caps.everflow_page)
        total = len(rows)
        if total > size:
            if not stage.quirks.everflow_boundary_row:
                # a row that arrives between two calls pushes the last one onto the next page
                rows.insert(size, rows[size - 1])
            elif _is_first_size(sizes, (g.profile.client, str(body["from"]), str(body["to"]))):
                rows[size] = rows[size - 1]
        found = rows[(page - 1) * size : page * size]
        if "everflow" in stage.quirks.page_totals:
            total = len(found)
        return jsonify(
            {
                "conversions": empty(found, stage.quirks),
                "paging": {"page": page, "page_size": size, "total_count": total},
            }
        )

    def clicks() -> Response:
        body = read_body()
        start, end = window_of(body, 14)
        kept = max(start, stage.now() - CLICKS_KEPT_DAYS * 86400)
        found = sorted(_clicks(stage, g.profile, kept, end, body), key=_newest_first)
        return jsonify({"clicks": [_click(row) for row in found[: stage.caps.everflow_clicks]]})

    for path, view in (("conversions", conversions), ("clicks/stream", clicks)):
        app.add_url_rule(f"/v1/networks/reporting/{path}", path, reporting(view), methods=["POST"])


def _is_first_size(sizes: dict[tuple[str, str, str], str], key: tuple[str, str, str]) -> bool:
    asked = request.args.get("page_size", "50")
    return sizes.setdefault(key, asked) == asked


def _logs(stage: Stage, profile: Profile, start: int, end: int) -> Iterator[DayLog]:
    """Business days that overlap the window, and that Everflow shows at all."""
    now = stage.now()
    last = min(local_day(end), local_day(now)) + timedelta(days=1)
    for day in days_between(local_day(start) - timedelta(days=1), last):
        log = stage.world.day(profile.client, day)
        if log.emptied is None or not log.emptied.covers(now):
            yield log


def _hidden(log: DayLog, now: int) -> set[tuple[int, int]]:
    return {
        (cell.affiliate_id, cell.advertiser_id)
        for cell in log.cells
        if cell.hidden is not None and cell.hidden.covers(now)
    }


def _wanted(row: Conversion | Click, filters: dict[str, set[str]]) -> bool:
    values = {"affiliate": str(row.affiliate_id), "advertiser": str(row.advertiser_id)}
    return all(values[kind] in wanted for kind, wanted in filters.items() if kind in values)


def _conversions(
    stage: Stage, profile: Profile, start: int, end: int, body: dict[str, Any]
) -> list[dict[str, Any]]:
    """Newest first."""
    found = []
    filters = filters_of(body)
    # always in the offers' currency: nothing is converted here
    currency = stage.quirks.everflow_currencies.get(profile.client, "USD")
    for log in _logs(stage, profile, start, end):
        hidden = _hidden(log, stage.now())
        labels = {(cell.affiliate_id, cell.advertiser_id): cell.label for cell in log.cells}
        for row in log.conversions:
            name = (row.affiliate_id, row.advertiser_id)
            state = state_of(row, stage.now())
            if state is None or name in hidden or not start <= row.at <= end:
                continue
            if not _wanted(row, filters):
                continue
            if body.get("show_conversions"):
                found.append(_conversion(row, state, profile, labels[name], currency))
            if body.get("show_events") and row.event_revenue is not None:
                found.append(_event(row, state, profile, labels[name], currency))
    found.sort(key=lambda row: (-row["conversion_unix_timestamp"], row["conversion_id"]))
    return found


def _conversion(
    row: Conversion, state: State, profile: Profile, label: str, currency: str
) -> dict[str, Any]:
    rate = rate_of(currency)
    advertiser = profile.advertiser(row.advertiser_id)
    luck = int(row.conversion_id[:6], 16)
    return {
        "conversion_id": row.conversion_id,
        "conversion_unix_timestamp": row.at,
        "click_unix_timestamp": row.clicked_at,
        "transaction_id": transaction_id(row.conversion_id),
        "status": state.status, "payout_type": "cpa", "revenue_type": "rpa",
        "payout": number(state.payout * rate), "revenue": number(state.revenue * rate),
        "sale_amount": number(row.sale_amount * rate), "currency_id": currency,
        "is_event": False, "event": "Base", "is_scrub": state.status == "rejected",
        "is_view_through": row.is_view_through,
        "sub1": ("fb", "email", "")[luck % 3], "sub2": "", "sub3": "", "sub4": "", "sub5": "",
        "source_id": "", "adv1": f"ord-{luck}", "adv2": "", "adv3": "", "adv4": "", "adv5": "",
        "session_user_ip": f"203.0.113.{luck % 250}",
        "conversion_user_ip": f"203.0.113.{luck % 250}",
        "country": "United States", "region": "Texas", "city": "Austin", "dma": 635,
        "platform": "iOS", "device_type": "Mobile", "browser": "Safari", "language": "English",
        "http_user_agent": "Mozilla/5.0", "referer": "", "url": "", "notes": "",
        "order_id": str(luck), "coupon_code": "", "email": f"buyer{luck}@example.org",
        "error_code": 0, "error_message": "", "previous_network_offer_id": 0,
        "relationship": {
            "offer": {"network_offer_id": row.offer_id,
                      "name": dict(advertiser.offers)[row.offer_id]},
            "affiliate": {"network_affiliate_id": row.affiliate_id, "name": label},
            "advertiser": {"network_advertiser_id": row.advertiser_id, "name": advertiser.label},
            "usm_data": None,
        },
    }  # fmt: skip


def _event(
    row: Conversion, state: State, profile: Profile, label: str, currency: str
) -> dict[str, Any]:
    revenue = number((row.event_revenue or 0) * rate_of(currency))
    return _conversion(row, state, profile, label, currency) | {
        "conversion_id": transaction_id(row.conversion_id + "event"),
        "is_event": True, "event": "Upsell", "payout": 0, "revenue": revenue,
    }  # fmt: skip


def _newest_first(click: Click) -> tuple[int, str]:
    return -click.at, click.transaction_id


def _clicks(
    stage: Stage, profile: Profile, start: int, end: int, body: dict[str, Any]
) -> Iterator[Click]:
    filters = filters_of(body)
    for log in _logs(stage, profile, start, end):
        for click in clicks_of(log, stage.now()):
            if start <= click.at <= end and _wanted(click, filters):
                yield click


def _click(click: Click) -> dict[str, Any]:
    return {
        "transaction_id": click.transaction_id, "is_unique": int(click.is_unique),
        "unix_timestamp": click.at, "tracking_url": "https://track.example.org/c", "source_id": "",
        "sub1": "", "sub2": "", "sub3": "", "sub4": "", "sub5": "", "payout_type": "cpa",
        "revenue_type": "rpa", "payout": 0, "revenue": 0, "referer": "", "error_code": 0,
        "error_message": "", "user_ip": f"203.0.113.{click.place % 250}", "url": "",
        "has_conversion": click.has_conversion, "is_test_mode": False,
        "relationship": {
            "affiliate": {"network_affiliate_id": click.affiliate_id, "name": click.label},
            "advertiser": {"network_advertiser_id": click.advertiser_id},
        },
    }  # fmt: skip
