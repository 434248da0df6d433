"""RedTrack: the connection, and lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from threading import Lock
from typing import Any

from ingest.columns import count, is_number, text
from ingest.http import Connection, RateLimit, VendorClient
from ingest.model import Pull, Window, slices
from ingest.paging import Entry, Page, beyond, whole
from ingest.sources.redtrack import settings
from ingest.sources.redtrack.settings import (
    CONVERSION_PAGE_SIZES,
    CURRENCY,
    PAGE_CAP,
    PAGE_ROWS,
    PAGE_SIZES,
)
from ingest.table_rows import require_measures
from signalroom import clock
from signalroom.errors import AnswerError, SourceError, TooLargeError

RATE_LIMIT = RateLimit(*settings.RATE_LIMIT)
PATH_LIMITS = {path: RateLimit(*limit) for path, limit in settings.PATH_LIMITS.items()}
REPORT_REQUIRED = ("cost",)
PAID_KEYS = ("currency", "currency_code")  # of what a conversion pays
CURRENCY_KEYS = (*PAID_KEYS, "source_currency", "cost_currency")
DOLLARS = {"", CURRENCY, "$", "US$", "840", "DOLLAR", "US DOLLAR", "DOLLARS", "US DOLLARS"}


class Account(Connection):
    """The client's account, and its lists already read."""

    def __init__(self, pull: Pull) -> None:
        super().__init__(pull)
        self.lists: dict[str, list[Entry]] = {}
        self.reading = Lock()  # two tables of one pull may want the same list

    @cached_property
    def currency(self) -> str:
        """The account's currency; dollars if its settings cannot be read or name none."""
        try:
            answer = self.http.get("/me/settings")
        except SourceError:
            return CURRENCY
        return currency_of(answer) if isinstance(answer, dict) else CURRENCY

    def open(self) -> VendorClient:
        """The API; the key is sent in the query, the only place where RedTrack accepts it."""
        return VendorClient(
            "redtrack",
            self.pull.client_id,
            self.pull.require("REDTRACK_BASE_URL"),
            params={"api_key": self.pull.require("REDTRACK_API_KEY")},
            limit=RATE_LIMIT,
            limits=PATH_LIMITS,
            address="REDTRACK_BASE_URL",
        )


def refuse_other_currencies(account: Account, rows: Sequence[Entry]) -> None:
    """Raise AnswerError if the account, a source with spend or its spend has another currency.

    Adding euros to dollars would be silently wrong. If the account or the list of sources cannot be
    read, its currency is not checked.
    """
    refuse_another_currency(account, rows, ("cost",))
    if not any(_is_amount(row.get("cost")) for row in rows):
        return
    try:
        sources = listed(account, "/sources")
    except SourceError:
        return  # reported when the table of sources is read
    currencies = {_id_of(one): currency_of(one) for one in sources}
    for row in rows:
        given = (currencies.get(text(row.get("source_id")), CURRENCY), currency_of(row))
        currency = next((one for one in given if one != CURRENCY), CURRENCY)
        if currency != CURRENCY and _is_amount(row.get("cost")):
            raise AnswerError(
                f"{account.pull}: source {row.get('source') or row.get('source_id')} is kept in "
                f"{currency}, not in {CURRENCY}; nothing was loaded. Set its currency to "
                f"{CURRENCY} in RedTrack, which converts its costs."
            )


def refuse_another_currency(
    account: Account, rows: Sequence[Entry], amounts: Sequence[str]
) -> None:
    """Raise AnswerError if any row has one of `amounts` and the account is not kept in dollars."""
    if not any(_is_amount(row.get(name)) for row in rows for name in amounts):
        return
    own = account.currency
    if own != CURRENCY:
        raise AnswerError(
            f"{account.pull}: the account is kept in {own}, not in {CURRENCY}; nothing was loaded. "
            f"Set its currency to {CURRENCY} in RedTrack, which converts its costs."
        )


def _is_amount(value: object) -> bool:
    return is_number(value) and Decimal(str(value)) != 0


def currency_of(entry: Entry, keys: Sequence[str] = CURRENCY_KEYS) -> str:
    """The first currency of an entry that is not dollars, in upper case; dollars without one."""
    found = (_currency(entry[key]) for key in keys if entry.get(key))
    return next((one for one in found if one not in DOLLARS), CURRENCY)


def _currency(named: object) -> str:
    if isinstance(named, dict):  # an object with code and name
        named = next((named[key] for key in ("code", "id", "name", "symbol") if key in named), None)
    return str(named or "").strip().upper()


def report(account: Account, window: Window, groups: str) -> list[Entry]:
    """The report's rows for a window, by `groups`; one request is one snapshot.

    If there may be more than one page, the window is halved, because rows shift while the next page
    is read. Only a day that is too large for one page is read page by page.
    """
    what = f"report of {window}"
    names = groups.split(",")
    params: dict[str, str | int] = {
        "group": groups,
        "date_from": window.start.isoformat(),
        "date_to": window.end.isoformat(),
        "timezone": clock.zone().key,  # `tz` would be silently ignored
    }

    def key(row: Entry) -> object:
        return tuple(text(row.get(f"{name}_id") or row.get(name)) for name in names)

    def page(number: int, size: int) -> list[Entry]:
        answer = account.http.get("/report", {**params, "per": size, "page": number})
        return entries_of(account, what, answer)

    days = (window.end - window.start).days + 1
    try:
        found = page(1, PAGE_ROWS)
        require_measures(account.pull, what, found, REPORT_REQUIRED, is_part=True)
        if not found or not beyond(found, PAGE_ROWS, key, page):
            return found
    except TooLargeError:
        if days == 1:
            raise
    if days > 1:
        return [
            row for half in slices(window, (days + 1) // 2) for row in report(account, half, groups)
        ]
    order = {"sortby": next(name for name in names if name != "date"), "direction": "asc"}
    return _every(account, "/report", {**params, **order}, what, key, required=REPORT_REQUIRED)


def tracked(account: Account, start: date, end: date) -> list[Entry]:
    """Every single conversion between two days, each once; the total proves completeness.

    The newest come first, so that one that arrives meanwhile shifts the others.
    """
    params: dict[str, str | int] = {
        "date_from": start.isoformat(),
        "date_to": end.isoformat(),
        "timezone": clock.zone().key,
    }
    what = f"conversions of {start}..{end}"
    return _every(account, "/conversions", params, what, _id_of, CONVERSION_PAGE_SIZES)


def listed(account: Account, path: str) -> list[Entry]:
    """Every entry of a list, read once per pull."""
    with account.reading:
        if path not in account.lists:
            account.lists[path] = _every(account, path, {}, path.strip("/"), _id_of)
        return account.lists[path]


def _id_of(row: Entry) -> object:
    return text(row.get("id"))


def _every(
    account: Account,
    path: str,
    params: Mapping[str, str | int],
    what: str,
    key: Callable[[Entry], object],
    sizes: Sequence[int] = PAGE_SIZES,
    required: Sequence[str] = (),
) -> list[Entry]:
    """Every entry, each once; a page where no entry has one of `required` is refused.

    The page size has no documented maximum: a short page proves nothing. The list ends when the
    total is reached (only conversions have one), or with an empty page, or one that repeats earlier
    entries.
    """
    total: int | None = None

    def page(number: int, size: int) -> list[Entry]:
        nonlocal total
        answer = account.http.get(path, {**params, "per": size, "page": number})
        said = answer.get("total") if isinstance(answer, dict) else None
        total = None if isinstance(said, dict) else max(0, count(said) or 0) or None
        return entries_of(account, what, answer)

    def read(size: int) -> Iterator[Page]:
        seen: set[object] = set()
        for number in range(1, PAGE_CAP + 1):
            found = page(number, size)
            require_measures(account.pull, what, found, required, is_part=True)
            keys = {key(entry) for entry in found}
            is_end = keys <= seen
            seen |= keys
            yield found, total
            # a total may count only the page: one more request tells
            if is_end or (number > 1 and total and len(seen) >= total and len(found) < size):
                return
            if number == 1 and (total or 0) <= len(found):
                further = beyond(found, size, key, page)
                if not further:
                    return
                yield further, total
        raise AnswerError(
            f"{account.pull}, {what}: more than {PAGE_CAP} pages; nothing was loaded."
        )

    return whole(read, sizes, key, f"{account.pull}, {what}")


def entries_of(account: Account, what: str, answer: Any) -> list[Entry]:
    """The entries of a response: a bare list, or one inside an object; null is an empty list."""
    if isinstance(answer, dict):
        names = ("items", "data", "rows")
        answer = next((answer[key] or [] for key in names if key in answer), answer)
    if answer is None:
        return []
    if isinstance(answer, list) and all(isinstance(entry, dict) for entry in answer):
        return answer
    raise AnswerError(
        f"{account.pull}, {what}: the answer is not a list of rows; nothing was loaded.", answer
    )
