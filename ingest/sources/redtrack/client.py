"""RedTrack: the connection, and lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from ingest.http import Connection, RateLimit, VendorClient
from ingest.model import Pull, Window
from ingest.paging import Entry, Page, whole
from ingest.sources.redtrack import settings
from ingest.sources.redtrack.settings import (
    CONVERSION_PAGE_SIZES,
    CURRENCY,
    PAGE_CAP,
    PAGE_ROWS,
    PAGE_SIZES,
)
from ingest.values import count
from ingest.windows import slices
from signalroom import clock
from signalroom.errors import AnswerError, SourceError, TooLargeError

RATE_LIMIT = RateLimit(*settings.RATE_LIMIT)


class Account(Connection):
    """The client's account, and its lists that were read."""

    def __init__(self, pull: Pull) -> None:
        super().__init__(pull)
        self.lists: dict[str, list[Entry]] = {}

    def open(self) -> VendorClient:
        """The API; the key travels in the query, the only place where RedTrack takes it."""
        return VendorClient(
            "redtrack",
            self.pull.client_id,
            self.pull.require("REDTRACK_BASE_URL"),
            params={"api_key": self.pull.require("REDTRACK_API_KEY")},
            limit=RATE_LIMIT,
            address="REDTRACK_BASE_URL",
        )


def refuse_other_currencies(account: Account, rows: Sequence[Entry]) -> None:
    """Raise AnswerError where a source that spent is kept in another currency than US dollars.

    Known where the pull reads the sources too; adding euros to dollars would be wrong in silence.
    """
    if "sources" not in account.pull.resources:
        return
    try:
        sources = listed(account, "/sources")
    except SourceError:
        return  # named when the table of sources is read
    currencies = {one.get("id"): one.get("currency") or CURRENCY for one in sources}
    for row in rows:
        currency = currencies.get(row.get("source_id"), CURRENCY)
        if currency != CURRENCY and row.get("cost"):
            raise AnswerError(
                f"{account.pull}: source {row.get('source') or row.get('source_id')} is kept in "
                f"{currency}, not in {CURRENCY}; nothing was loaded. Set its currency to "
                f"{CURRENCY} in RedTrack, which converts its costs."
            )


def report(account: Account, window: Window, groups: str) -> list[Entry]:
    """The report's rows of a window, by `groups`; one request is one snapshot.

    A page that is full has rows behind it, and rows move while the next one is read: the window is
    halved instead. Only a day that is too large for one page is read page by page.
    """
    what = f"report of {window}"
    asked: dict[str, str | int] = {
        "group": groups,
        "date_from": window.start.isoformat(),
        "date_to": window.end.isoformat(),
        "timezone": clock.zone().key,  # `tz` would be ignored without a word
        "per": PAGE_ROWS,
        "page": 1,
    }
    days = (window.end - window.start).days + 1
    try:
        found = entries_of(account, what, account.http.get("/report", asked))
        if len(found) < PAGE_ROWS:
            return found
    except TooLargeError:
        if days == 1:
            raise
    if days > 1:
        return [
            row for half in slices(window, (days + 1) // 2) for row in report(account, half, groups)
        ]
    names = [name for name in groups.split(",") if name != "date"]
    order = {"sortby": names[0], "direction": "asc"}
    return _every(
        account,
        "/report",
        {**asked, **order},
        what,
        key=lambda row: tuple(row.get(f"{name}_id") or row.get(name) for name in names),
    )


def tracked(account: Account, start: date, end: date) -> list[Entry]:
    """Every single conversion from one day to another, each once; the total proves that.

    The newest come first, so that one that arrives meanwhile moves the others: the pages are read
    again, in another size, until as many ids came as the vendor counts.
    """
    asked: dict[str, str | int] = {
        "date_from": start.isoformat(),
        "date_to": end.isoformat(),
        "timezone": clock.zone().key,
    }
    what = f"conversions of {start}..{end}"
    found: dict[object, Entry] = {}
    for size in CONVERSION_PAGE_SIZES:
        total = 0
        for number in range(1, PAGE_CAP + 1):
            answer = account.http.get("/conversions", {**asked, "page": number, "per": size})
            page = entries_of(account, what, answer)
            total = max(total, count(answer.get("total")) or 0) if isinstance(answer, dict) else 0
            found |= {entry.get("id"): entry for entry in page}
            if not page or len(found) >= total:
                break
        if len(found) >= total:
            return list(found.values())
    raise AnswerError(
        f"{account.pull}, {what}: {len(found):,} of {total:,} came; nothing was loaded."
    )


def listed(account: Account, path: str) -> list[Entry]:
    """Every entry of a list; it is read once in a pull."""
    if path not in account.lists:
        account.lists[path] = _every(
            account, path, {}, path.strip("/"), key=lambda row: row.get("id")
        )
    return account.lists[path]


def _every(
    account: Account,
    path: str,
    asked: Mapping[str, str | int],
    what: str,
    key: Callable[[Entry], object],
) -> list[Entry]:
    """Every entry, each once. There is no total and no stated ceiling for a page: a short one
    proves nothing, an empty one or one that repeats what came is the end.
    """

    def read(size: int) -> Iterator[Page]:
        seen: set[object] = set()
        for page in range(1, PAGE_CAP + 1):
            answer = account.http.get(path, {**asked, "per": size, "page": page})
            found = entries_of(account, what, answer)
            keys = {key(entry) for entry in found}
            if keys <= seen:
                return
            seen |= keys
            yield found, None
        raise AnswerError(
            f"{account.pull}, {what}: more than {PAGE_CAP} pages; nothing was loaded."
        )

    return whole(read, PAGE_SIZES, key, f"{account.pull}, {what}")


def entries_of(account: Account, what: str, answer: Any) -> list[Entry]:
    """The entries of an answer: a bare list, or one inside an envelope; null is an empty list."""
    if isinstance(answer, dict):
        names = ("items", "data", "rows")
        answer = next((answer[key] or [] for key in names if key in answer), answer)
    if answer is None:
        return []
    if isinstance(answer, list) and all(isinstance(entry, dict) for entry in answer):
        return answer
    raise AnswerError(
        f"{account.pull}, {what}: the answer is no list of rows; nothing was loaded.", answer
    )
