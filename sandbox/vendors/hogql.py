"""The subset of HogQL that reads events: columns, time bounds, order, limit."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sandbox.visits import MICRO, Event

DEFAULT_LIMIT, LARGEST_LIMIT = 100, 50_000
COLUMNS = ("uuid", "event", "timestamp", "distinct_id", "properties", "created_at")

Condition = Callable[[Event], bool]
_QUERY = re.compile(
    r"\s*select\s+(?P<columns>.+?)\s+from\s+events(?:\s+where\s+(?P<where>.+?))?"
    r"(?:\s+order\s+by\s+(?P<order>.+?))?(?:\s+limit\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_MOMENT = r"toDateTime\(\s*'([^']+)'\s*(?:,\s*'([^']+)'\s*)?\)"
_WITH_ZONE = re.compile(r"toDateTime\(\s*'[^']*'\s*,", re.IGNORECASE)
_BOUND = re.compile(rf"(timestamp|created_at)\s*(>=|<=|>|<|=)\s*{_MOMENT}", re.IGNORECASE)
_BEHIND = re.compile(
    rf"\(\s*timestamp\s*,\s*uuid\s*\)\s*>\s*\(\s*{_MOMENT}\s*,\s*toUUID\(\s*'([0-9a-f-]+)'\s*\)\s*\)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"event\s*=\s*'([^']*)'", re.IGNORECASE)
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": lambda one, two: one >= two,
    "<=": lambda one, two: one <= two,
    ">": lambda one, two: one > two,
    "<": lambda one, two: one < two,
    "=": lambda one, two: one == two,
}


class HogQLError(Exception):
    """A query that PostHog refuses with 400 and this text."""


class Query(NamedTuple):
    columns: tuple[str, ...]  # or ("count()",)
    conditions: tuple[Condition, ...]
    order: tuple[str, ...]
    limit: int

    def matches(self, event: Event) -> bool:
        return all(condition(event) for condition in self.conditions)


def parse(text: str, zone: ZoneInfo, is_old: bool = False) -> Query:
    """Raises HogQLError for anything unsupported. `zone` is the project's."""
    if is_old and _WITH_ZONE.search(text):
        raise HogQLError("Function 'toDateTime' expects 1 argument, found 2")
    found = _QUERY.fullmatch(text)
    if found is None:
        raise HogQLError("Syntax error: this query is not understood.")
    columns = tuple(name.strip().lower() for name in found["columns"].split(","))
    if columns != ("count()",) and not set(columns) <= set(COLUMNS):
        raise HogQLError(f"Unable to resolve field: {found['columns']}")
    parts = re.split(r"\s+and\s+", found["where"] or "", flags=re.IGNORECASE)
    order = tuple(name.strip().lower() for name in (found["order"] or "").split(",") if name)
    if not set(order) <= {"timestamp", "uuid", "created_at"}:
        raise HogQLError(f"Unable to resolve field: {found['order']}")
    limit = int(found["limit"] or DEFAULT_LIMIT)
    conditions = tuple(_condition(part, zone) for part in parts if part.strip())
    return Query(columns, conditions, order, min(limit, LARGEST_LIMIT))


def sort_key(name: str) -> Callable[[Event], tuple[int, ...]]:
    if name == "uuid":
        return lambda event: uuid_order(event.uuid)
    if name == "created_at":
        return lambda event: (event.known_at,)
    return lambda event: (event.at,)


def uuid_order(text: str) -> tuple[int, int]:
    """ClickHouse compares the second half of a UUID first."""
    number = int(text.replace("-", ""), 16)
    return number & (2**64 - 1), number >> 64


def _condition(text: str, zone: ZoneInfo) -> Condition:
    text = text.strip()
    if found := _BOUND.fullmatch(text):
        name, sign = found[1].lower(), _COMPARE[found[2]]
        moment = _moment(found[3], found[4], zone)
        return lambda event: sign(event.at if name == "timestamp" else event.known_at, moment)
    if found := _BEHIND.fullmatch(text):
        moment, behind = _moment(found[1], found[2], zone), uuid_order(found[3])
        return lambda event: (event.at, uuid_order(event.uuid)) > (moment, behind)
    if found := _NAMED.fullmatch(text):
        wanted = found[1]
        return lambda event: event.name == wanted
    raise HogQLError(f"Syntax error near: {text[:80]}")


def _moment(text: str, zone_name: str | None, zone: ZoneInfo) -> int:
    """Microseconds; a text without a zone is read in the given one."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise HogQLError(f"Cannot parse DateTime: {text}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone_name) if zone_name else zone)
    moment = moment.astimezone(UTC)
    return int(moment.timestamp()) * MICRO + moment.microsecond
