"""Everflow: the connection, time zones, pages and dates, without dlt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.columns import count, text
from ingest.http import Connection, Params, RateLimit, VendorClient
from ingest.model import Pull
from ingest.paging import Entry, Page, beyond, whole
from ingest.sources.everflow.settings import CURRENCY, KNOWN_TIMEZONES, PAGE_CAP, RATE_LIMIT
from signalroom import clock
from signalroom.errors import AnswerError, CredentialsError, SourceError

DAY_SECONDS = 86_400
LIMITS = 50  # what a limit of a page is a multiple of
FIRST: Params = {"page": 1, "page_size": 1}


class Network(Connection):
    """The client's network, with its time zones."""

    def __init__(self, pull: Pull) -> None:
        super().__init__(pull)
        self._ids: dict[str, int] | None = None
        self._is_currency_said = False
        self.lists: dict[str, list[Entry]] = {}  # read in this pull

    def open(self) -> VendorClient:
        """The network API with the client's key."""
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
            f"everflow: the vendor does not list the time zone {name}; see SIGNALROOM_TIMEZONE."
        )

    def say_currency(self) -> None:
        """Give a notice, once per pull, if the network's currency is not US dollars."""
        if self._is_currency_said:
            return
        self._is_currency_said = True
        if (found := self.other_currency()) is not None:
            self.pull.notice(
                f"the network is kept in {found}; its amounts come converted to {CURRENCY}"
            )

    def other_currency(self) -> str | None:
        """The network's currency, or its first advertiser's; None if it is dollars or unknown."""
        paths: dict[str, Params] = {"/networks": {}, "/networks/advertisers": FIRST}
        for path, params in paths.items():
            try:
                answer = self.http.get(path, params)
            except SourceError:
                continue
            entry = answer.get("advertisers", answer) if isinstance(answer, dict) else None
            first = entry[0] if isinstance(entry, list) and entry else entry
            said = text(first.get("default_currency_id")) if isinstance(first, dict) else None
            if said:
                return None if said.strip().upper() == CURRENCY else said
        return None

    @property
    def business_zone_id(self) -> int:
        """The number of the business time zone."""
        return self.zone_id(clock.zone().key)

    def _look_up(self) -> dict[str, int]:
        try:
            answer = self.http.get("/meta/timezones")
        except (AnswerError, CredentialsError):  # the statistics tell whether the key is good
            answer = {}
        ids = dict(KNOWN_TIMEZONES)
        listed = answer.get("timezones") if isinstance(answer, dict) else None
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict) and str(entry.get("timezone_id")).isdecimal():
                for name in (entry.get("timezone_name"), entry.get("timezone")):
                    if name and isinstance(name, str):
                        ids[name] = int(entry["timezone_id"])
        return ids


def every(
    pull: Pull, key: str, size: int, ask: Callable[[dict[str, str | int]], Any], name: str
) -> list[Entry]:
    """Every entry under `key`, each once by its id `name`; `ask` takes the page parameters."""
    return whole(
        lambda wanted: pages(pull, key, wanted, ask, name),
        sizes=(size, size * 3 // 4, size // 2),
        key=lambda entry: text(entry.get(name)),
        where=f"{pull}, {key}",
    )


def pages(
    pull: Pull, key: str, size: int, ask: Callable[[dict[str, str | int]], Any], name: str
) -> Iterator[Page]:
    """The entries under `key` page by page, with the vendor's total count.

    A full page is followed by another. A short page ends the list only if the count agrees;
    otherwise an empty page, or one that repeats earlier entries, does. Without a count, or with one
    that may be of the page alone, the first page must be proven to be all: if it is full, or has as
    many entries as a limit may have, which the vendor does not mention.
    """
    where = f"{pull}, {key}"

    def read(number: int, wanted: int) -> tuple[list[Entry], int | None, int | None]:
        answer = ask({"page": number, "page_size": wanted})
        if not isinstance(answer, dict) or key not in answer:
            raise AnswerError(f"{where}: the answer has no {key}; nothing was loaded.")
        entries = answer[key] or []
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise AnswerError(f"{where}: {key} is not a list; nothing was loaded.")
        return entries, paging_of(answer, "total_count") or None, paging_of(answer, "page_size")

    seen: set[object] = set()
    is_of_page = False
    for page in range(1, PAGE_CAP + 1):
        entries, total, given = read(page, size)
        yield entries, total
        if page == 1:
            is_of_page = (total or 0) <= len(entries)
        ids = {str(entry.get(name)) for entry in entries}
        is_end = ids <= seen
        seen |= ids
        # the vendor may return smaller pages than requested
        is_short = len(entries) < min(given or size, size)
        is_limited = is_of_page and (page > 1 or len(entries) % LIMITS == 0)
        if is_end or (is_short and total and len(seen) >= total and not is_limited):
            return
        if page == 1 and is_of_page:
            further = beyond(entries, size, lambda one: str(one.get(name)), lambda *a: read(*a)[0])
            if not further:
                return
            yield further, total
    raise AnswerError(f"{where}: more than {PAGE_CAP} pages; nothing was loaded.")


def paging_of(answer: dict[str, Any], name: str) -> int | None:
    """A number from the response's paging; None if missing or negative."""
    paging = answer.get("paging")
    found = count(paging.get(name)) if isinstance(paging, dict) else None
    return None if found is None or found < 0 else found


def report_date(column: dict[str, Any]) -> date:
    """The business day of a date column: an epoch as text, or a plain day.

    Whether the epoch is midnight in UTC or in the requested zone is not documented: a UTC midnight
    is read as that date, any other instant as the business day it falls on.
    """
    for said in (str(column.get("id") or ""), str(column.get("label") or "")):
        if said.lstrip("-").isdigit():
            moment = datetime.fromtimestamp(int(said), UTC)
            return moment.date() if int(said) % DAY_SECONDS == 0 else clock.local_date(moment)
        try:
            return date.fromisoformat(said[:10])
        except ValueError:
            continue
    raise AnswerError(f"everflow: {column!r} is not a valid date; nothing was loaded.")
