"""How Everflow parses requests and refuses invalid ones."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, jsonify, request

from sandbox.quirks import CURRENCY_RATES, Quirks

ZONES = {
    58: ("Europe/London", "GMT London"),
    67: ("UTC", "UTC"),
    80: ("America/New_York", "Eastern Time (US & Canada)"),
    81: ("America/Chicago", "Central Time (US & Canada)"),
    83: ("America/Los_Angeles", "Pacific Time (US & Canada)"),
    95: ("Europe/Berlin", "Berlin"),
    112: ("Asia/Kolkata", "Mumbai"),
}


class BadRequestError(Exception):
    """A request that Everflow refuses with 400 and this text."""


def refuse(status: int, text: str) -> Response:
    response = jsonify({"error": text})
    response.status_code = status
    return response


def read_body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadRequestError("malformed request body")
    return body


def require(body: dict[str, Any], *names: str) -> None:
    for name in names:
        if body.get(name) in (None, "", []):
            raise BadRequestError(f"missing required field: {name}")


def day_of(text: object, name: str) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise BadRequestError(f"invalid date in {name}: {text}") from error


def moment_of(text: object, name: str, zone: ZoneInfo) -> int:
    """`YYYY-MM-DD HH:MM:SS` in `zone`, as an epoch."""
    try:
        return int(datetime.fromisoformat(str(text)).replace(tzinfo=zone).timestamp())
    except ValueError as error:
        raise BadRequestError(f"invalid time in {name}: {text}") from error


def zone_of(zone_id: object) -> ZoneInfo:
    if not isinstance(zone_id, int) or zone_id not in ZONES:
        raise BadRequestError(f"invalid timezone_id: {zone_id}")
    return ZoneInfo(ZONES[zone_id][0])


def rate_of(currency: object) -> Decimal:
    """The value of one US dollar in that currency."""
    if currency not in CURRENCY_RATES:
        raise BadRequestError(f"invalid currency_id: {currency}")
    return Decimal(CURRENCY_RATES[str(currency)])


def empty(rows: list[dict[str, Any]], quirks: Quirks) -> list[dict[str, Any]] | None:
    """The rows; Go's null instead of an empty list if that is switched on."""
    return None if not rows and quirks.everflow_null_for_empty else rows


def filters_of(body: dict[str, Any]) -> dict[str, set[str]]:
    """Filters in the documented shape; any other shape is ignored, as by the vendor."""
    wanted: dict[str, set[str]] = {}
    query = body.get("query")
    for item in (query.get("filters") or []) if isinstance(query, dict) else []:
        if isinstance(item, dict) and {"resource_type", "filter_id_value"} <= item.keys():
            wanted.setdefault(str(item["resource_type"]), set()).add(str(item["filter_id_value"]))
    return wanted


def paging(default: int, largest: int) -> tuple[int, int]:
    """Page and page size from the query string; pages count from 1."""
    try:
        page, size = int(request.args.get("page", 1)), int(request.args.get("page_size", default))
    except ValueError as error:
        raise BadRequestError("page and page_size must be numbers") from error
    return max(1, page), max(1, min(size, largest))


def window_of(body: dict[str, Any], longest: int) -> tuple[int, int]:
    """First and last second requested, both included."""
    require(body, "from", "to", "timezone_id")
    zone = zone_of(body["timezone_id"])
    start = moment_of(body["from"], "from", zone)
    end = moment_of(body["to"], "to", zone)
    if end - start > longest * 86400:
        raise BadRequestError(f"date range cannot exceed {longest} days")
    return start, end
