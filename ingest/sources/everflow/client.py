"""Everflow: the connection, time zones, pages and dates, without dlt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.http import Connection, RateLimit, VendorClient
from ingest.model import Pull
from ingest.paging import Entry, Page, whole
from ingest.sources.everflow.settings import KNOWN_TIMEZONES, PAGE_CAP, RATE_LIMIT
from signalroom import clock
from signalroom.errors import AnswerError

DAY_SECONDS = 86_400


class Network(Connection):
    """The client's network, and its time zones."""

    def __init__(self, pull: Pull) -> None:
        super().__init__(pull)
        self._ids: dict[str, int] | None = None

    def open(self) -> VendorClient:
        """The network API for that client's account."""
        base = self.pull.require("EVERFLOW_BASE_URL").rstrip("/").removesuffix("/v1")
        return VendorClient(
            "everflow",
            self.pull.client_id,
            f"{base}/v1",
            headers={"X-Eflow-API-Key": self.pull.require("EVERFLOW_API_KEY")},
            limit=RateLimit(*RATE_LIMIT),
            address="EVERFLOW_BASE_URL",
        )

    def zone_id(self, name: str) -> int:
        """The number of an IANA zone; AnswerError for one that the vendor does not know."""
        if self._ids is None:
            self._ids = self._look_up()
        if name in self._ids:
            return self._ids[name]
        for known, number in self._ids.items():  # the name may be an alias, such as US/Eastern
            with suppress(ZoneInfoNotFoundError, ValueError):
                if clock.has_same_rules(ZoneInfo(name), ZoneInfo(known)):
                    return number
        raise AnswerError(
            f"everflow: the vendor knows no time zone {name}; see SIGNALROOM_TIMEZONE."
        )

    @property
    def business_zone_id(self) -> int:
        """The number of the business time zone."""
        return self.zone_id(clock.zone().key)

    def _look_up(self) -> dict[str, int]:
        try:
            answer = self.http.get("/meta/timezones")
        except AnswerError:
            answer = {}
        ids = dict(KNOWN_TIMEZONES)
        for entry in answer.get("timezones") or [] if isinstance(answer, dict) else []:
            for name in (entry.get("timezone_name"), entry.get("timezone")):
                if name:
                    ids[name] = int(entry["timezone_id"])
        return ids


def every(
    pull: Pull, key: str, size: int, ask: Callable[[dict[str, str | int]], Any], name: str
) -> list[Entry]:
    """Every entry under `key`, each once by its id `name`; `ask` gets the paging."""
    return whole(
        lambda wanted: pages(pull, key, wanted, ask),
        sizes=(size, size * 3 // 4, size // 2),
        key=lambda entry: entry.get(name),
        where=f"{pull}, {key}",
    )


def pages(
    pull: Pull, key: str, size: int, ask: Callable[[dict[str, str | int]], Any]
) -> Iterator[Page]:
    """The entries under `key` page by page, with the count of all that the vendor states.

    That `total_count` is not reliable: a page that is full has another one behind it, and one that
    is short ends the list only where the count agrees, or where the next is empty.
    """
    seen = 0
    for page in range(1, PAGE_CAP + 1):
        answer = ask({"page": page, "page_size": size})
        if not isinstance(answer, dict) or key not in answer:
            raise AnswerError(
                f"everflow for client {pull.client_id}: the answer has no {key}; nothing was "
                "loaded."
            )
        entries = answer[key] or []
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise AnswerError(
                f"everflow for client {pull.client_id}: {key} is no list; nothing was loaded."
            )
        if not entries:
            return
        paging = answer.get("paging") or {}
        yield entries, int(paging.get("total_count") or 0)
        seen += len(entries)
        given = int(paging.get("page_size") or size)  # the vendor may give smaller pages
        if len(entries) < min(given, size) and seen >= int(paging.get("total_count") or 0):
            return
    raise AnswerError(
        f"everflow for client {pull.client_id}: {key} has more than {PAGE_CAP} pages; nothing "
        "was loaded."
    )


def report_date(column: dict[str, Any]) -> date:
    """The business day of a date column: an epoch as text, or a plain day.

    Whether the epoch is midnight in UTC or in the zone that was asked for is not documented: a
    UTC midnight is read as that date, any other instant as the business day on which it falls.
    """
    for text in (str(column.get("id") or ""), str(column.get("label") or "")):
        if text.lstrip("-").isdigit():
            moment = datetime.fromtimestamp(int(text), UTC)
            return moment.date() if int(text) % DAY_SECONDS == 0 else clock.local_date(moment)
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            continue
    raise AnswerError(f"everflow: {column!r} is no date; nothing was loaded.")
