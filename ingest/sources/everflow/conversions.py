"""Everflow's single conversions, by the business day on which they happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import date
from typing import TypeVar
from zoneinfo import ZoneInfo

from ingest.columns import Entries, Shape
from ingest.http import VendorClient
from ingest.model import Pull, Row, Window, days
from ingest.resources import daily
from ingest.sources.everflow.client import Network, every
from ingest.sources.everflow.columns import (
    CONVERSION_COLUMNS,
    CONVERSION_CONTROLLED,
    CONVERSION_FIELDS,
)
from ingest.sources.everflow.settings import (
    CONVERSION_DAYS_KEPT,
    CONVERSION_PAGE_ROWS,
    FEW_DAYS,
    REQUESTS_AT_ONCE,
    ROWS_HELD,
)
from ingest.table_rows import require_measures
from signalroom import clock
from signalroom.errors import AnswerError
from signalroom.plural import counted

REQUIRED = ("status", "payout", "revenue")
SHAPE = Shape(CONVERSION_FIELDS)
Item = TypeVar("Item")
Result = TypeVar("Result")


@daily(
    columns=CONVERSION_COLUMNS,
    measures=CONVERSION_CONTROLLED,
    days_kept=CONVERSION_DAYS_KEPT,
)
def conversions(pull: Pull, network: Network) -> Iterator[Row]:
    """The conversions of every day of the window."""
    count = 0
    http, zone_id = network.http, network.business_zone_id
    covered = list(days(pull.window))
    at_once = REQUESTS_AT_ONCE if len(covered) > FEW_DAYS else 1
    found = in_order(lambda day: _of_day(http, pull, day, zone_id), covered, at_once, ROWS_HELD)
    for day, of_day in zip(covered, found, strict=True):
        count += len(of_day)
        pull.say(f"conversions {day}: {counted(count, 'row')}")
        yield from of_day


def _of_day(http: VendorClient, pull: Pull, day: date, zone_id: int) -> list[Row]:
    """The day's conversions, each once: a row that arrives between two pages shifts the others."""
    body = {
        "from": f"{day} 00:00:00",
        "to": f"{day} 23:59:59",
        "timezone_id": zone_id,
        "show_conversions": True,
        "show_events": False,
        "query": {"filters": [], "search_terms": []},
    }
    found = every(
        pull,
        "conversions",
        CONVERSION_PAGE_ROWS,
        # in the body, paging would be ignored
        lambda paging: http.post("/networks/reporting/conversions", body, paging),
        "conversion_id",
    )
    entries = Entries(f"conversions of {day}", pull, SHAPE)
    zone = clock.zone()
    rows = [_checked(pull, day, row, zone) for row in entries.rows(found)]
    require_measures(replace(pull, window=Window(day, day)), "conversions", rows, REQUIRED)
    return rows


def _checked(pull: Pull, day: date, row: Row, zone: ZoneInfo) -> Row:
    moment = row["conversion_at"]
    if row["conversion_id"] is None or moment is None:
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: a conversion has no id or no time; "
            "nothing was loaded."
        )
    if moment.astimezone(zone).date() != day:
        raise AnswerError(
            f"everflow for client {pull.client_id}: asked for conversions of {day}, answered for "
            f"{moment:%Y-%m-%d %H:%M} UTC; nothing was loaded."
        )
    row["date"] = day
    return row


def in_order(
    ask: Callable[[Item], list[Result]], items: Iterable[Item], at_once: int, held: int
) -> Iterator[list[Result]]:
    """Call `ask` for each item, with a limit on how many run at the same time.

    About `held` rows are in memory, of the results that wait and of the one that the caller has:
    the first result comes alone, and the largest so far says how many fit.
    Raises the first error in order; calls that have started are waited for, and no further one
    starts.
    """
    waiting: deque[Future[list[Result]]] = deque()
    fitting = 1
    with ThreadPoolExecutor(at_once) as pool:
        try:
            largest = 1
            for item in items:
                while len(waiting) >= fitting:
                    found = waiting.popleft().result()
                    largest = max(largest, len(found))
                    fitting = max(1, min(at_once, held // largest - 1))
                    yield found
                    del found  # the caller may be done with it
                waiting.append(pool.submit(copy_context().run, ask, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
