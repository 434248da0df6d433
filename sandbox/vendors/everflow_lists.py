"""Everflow's lists: affiliates, advertisers, offers, time zones."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, jsonify

from sandbox.cast import Profile
from sandbox.stage import Stage
from sandbox.vendors.everflow_requests import ZONES, empty, paging

CREATED = 1709500000


def add_lists(app: Flask, stage: Stage) -> None:
    def timezones() -> Response:
        rows = [
            {"timezone_id": zone_id, "timezone_name": title, "timezone": name}
            for zone_id, (name, title) in ZONES.items()
        ]
        return jsonify({"timezones": rows})

    def network() -> Response:
        currency = stage.quirks.everflow_currencies.get(g.profile.client, "USD")
        return jsonify(
            {"network_id": 1, "reporting_timezone_id": 67, "default_currency_id": currency}
        )

    app.add_url_rule("/v1/meta/timezones", "timezones", timezones)
    app.add_url_rule("/v1/networks", "network", network)
    for kind, rows in (("affiliates", _affiliates), ("advertisers", _advertisers),
                       ("offers", _offers)):  # fmt: skip
        app.add_url_rule(f"/v1/networks/{kind}", kind, _entities(kind, rows, stage))


def _entities(
    kind: str, make: Callable[[Profile], list[dict[str, Any]]], stage: Stage
) -> Callable[[], Response]:
    def view() -> Response:
        page, size = paging(50, 2000)
        currency = stage.quirks.everflow_currencies.get(g.profile.client, "USD")
        names = ("default_currency_id", "currency_id")
        rows = [row | {name: currency for name in names if name in row} for row in make(g.profile)]
        return jsonify(
            {
                kind: empty(rows[(page - 1) * size : page * size], stage.quirks),
                "paging": {"page": page, "page_size": size, "total_count": len(rows)},
            }
        )

    return view


def _affiliates(profile: Profile) -> list[dict[str, Any]]:
    names: dict[int, str] = {}
    for row in profile.affiliates:
        names.setdefault(row.affiliate_id, row.label)
    return [
        {"network_affiliate_id": number, "network_id": 1, "name": name,
         "account_status": "active", "network_employee_id": 3, "default_currency_id": "USD",
         "time_created": CREATED, "time_saved": CREATED + number}
        for number, name in sorted(names.items())
    ]  # fmt: skip


def _advertisers(profile: Profile) -> list[dict[str, Any]]:
    return [
        {"network_advertiser_id": row.advertiser_id, "network_id": 1, "name": row.label,
         "account_status": "active", "default_currency_id": "USD",
         "time_created": CREATED, "time_saved": CREATED,
         # the secret of the advertiser's postbacks, which must not be kept
         "verification_token": verification_token(row.advertiser_id)}
        for row in profile.advertisers
    ]  # fmt: skip


def verification_token(advertiser_id: int) -> str:
    return f"sandbox-verification-token-{advertiser_id:04d}"


def _offers(profile: Profile) -> list[dict[str, Any]]:
    return [
        {"network_offer_id": offer, "network_advertiser_id": row.advertiser_id, "name": name,
         "offer_status": "active", "currency_id": "USD", "date_live_until": "",
         "time_created": CREATED, "time_saved": CREATED}
        for row in profile.advertisers
        for offer, name in row.offers
    ]  # fmt: skip
