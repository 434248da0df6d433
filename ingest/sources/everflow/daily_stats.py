"""Everflow's aggregated table: rows by date, affiliate and advertiser, proven to be complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ingest.columns import COUNT_TYPE, EXACT, read_fields, total, unknown_fields
from ingest.http import VendorClient
from ingest.model import Pull, Row, Window, slices
from ingest.resources import daily
from ingest.sources.everflow.client import Network, paging_of, report_date
from ingest.sources.everflow.columns import COLUMNS, CONTROLLED, DERIVED, METRICS
from ingest.sources.everflow.lists import list_entries
from ingest.sources.everflow.settings import CURRENCY, ROW_CAP, SLICE_DAYS
from ingest.table_rows import refuse_repeated, require_measures
from signalroom.errors import AnswerError, CredentialsError, TooLargeError
from signalroom.plural import counted

Entry = dict[str, Any]
COLUMNS_ASKED = ("date", "affiliate", "advertiser")
# How a good key is refused, too; Everflow's answer does not tell these apart.
REFUSED_KEY = (
    "A good EVERFLOW_API_KEY is refused like that where its account is on the EU host (then set "
    "EVERFLOW_BASE_URL to https://api-eu.eflow.team) or where Everflow binds it to addresses and "
    "this machine's is not among them."
)
REQUIRED = ("clicks", "conversions", "revenue", "payout")


@daily(columns=COLUMNS, measures=CONTROLLED, required=REQUIRED)
def daily_stats(pull: Pull, network: Network) -> list[Row]:
    """The rows of every day of the window."""
    rows: list[Row] = []
    for window in slices(pull.window, SLICE_DAYS):
        rows.extend(daily_rows(network.http, pull, window, network.business_zone_id))
        pull.say(f"{window}: {counted(len(rows), 'row')}")
    refuse_repeated(pull, "daily_stats", rows, ("date", "affiliate_id", "advertiser_id"))
    network.say_currency()
    return rows


def ask_table(
    http: VendorClient,
    pull: Pull,
    window: Window,
    zone_id: int,
    columns: Sequence[str] = COLUMNS_ASKED,
    filters: Mapping[str, int] | None = None,
) -> tuple[list[Entry], bool]:
    """The table's entries by those columns, and whether the vendor cut some off.

    `filters` are ids by kind. AnswerError for an answer without a table.
    """
    body = {
        "from": window.start.isoformat(),
        "to": window.end.isoformat(),
        "timezone_id": zone_id,
        "currency_id": CURRENCY,
        "columns": [{"column": name} for name in columns],
        "query": {
            # in any other shape the filter would be silently ignored
            "filters": [
                {"resource_type": kind, "filter_id_value": str(number)}
                for kind, number in (filters or {}).items()
            ],
            "exclusions": [],
            "metric_filters": [],
            "user_metrics": [],
            "settings": {},
        },
    }
    try:
        answer = http.post("/networks/reporting/entity/table", body)
    except CredentialsError as error:
        raise type(error)(f"{error} {REFUSED_KEY}") from None
    table = answer.get("table", ()) if isinstance(answer, dict) else ()
    if isinstance(table, dict):  # the partner portal nests one level deeper
        table = table.get("rows", ())
    if table is None:  # how Go writes an empty list
        table = []
    if not isinstance(table, list):
        raise AnswerError(
            f"everflow for client {pull.client_id}, {window}: the answer has no table; "
            "nothing was loaded.",
            answer,
        )
    stated = paging_of(answer, "total_count") or 0
    is_cut = bool(answer.get("incomplete_results")) or stated > len(table)
    return table, is_cut or len(table) >= ROW_CAP


def daily_row(pull: Pull, window: Window, entry: Entry) -> Row:
    """One row of the table; AnswerError for one that is incomplete or outside the window."""
    try:
        columns = {column["column_type"]: column for column in entry["columns"]}
        reporting = entry["reporting"]
        row: Row = {
            "_client_id": pull.client_id,
            "date": report_date(columns["date"]),
            "affiliate_id": number_of(columns["affiliate"]),
            "affiliate_label": columns["affiliate"].get("label"),
            "advertiser_id": number_of(columns["advertiser"]),
            "advertiser_label": columns["advertiser"].get("label"),
        }
        if not isinstance(reporting, Mapping):
            raise TypeError("its measures")
        row |= read_fields(reporting, METRICS, f"everflow for client {pull.client_id}, {window}")
        further = {name: reporting[name] for name in reporting.keys() - DERIVED}
    except (KeyError, TypeError, AttributeError) as error:
        raise AnswerError(
            f"everflow for client {pull.client_id}: a row lacks {error}; nothing was loaded.",
            entry,
        ) from None
    if not window.start <= row["date"] <= window.end:
        raise AnswerError(
            f"everflow for client {pull.client_id}: asked for {window}, answered for "
            f"{row['date']}; nothing was loaded.",
            entry,
        )
    revenue, payout = row["revenue"], row["payout"]
    known = revenue is not None and payout is not None
    row["profit"] = EXACT.subtract(revenue, payout) if known else None
    return {**unknown_fields(further, METRICS), **row}


def number_of(column: Mapping[str, Any]) -> int:
    """The id of a column, which comes as text."""
    try:
        return int(str(column["id"]))
    except ValueError:
        raise AnswerError(
            f"everflow: the {column['column_type']} id {column['id']!r} is not a valid number; "
            "nothing was loaded."
        ) from None


# Counts prove completeness: the vendor's sums of rounded amounts may differ from ours.
COUNTS = [name for name, field in METRICS.items() if field.kind is COUNT_TYPE]
ATTEMPTS = 2
Totals = dict[int, dict[str, Decimal]]  # by advertiser


def rows_by_advertiser(
    http: VendorClient, pull: Pull, day: Window, zone_id: int, cut: list[Entry]
) -> list[Row]:
    """The day's rows, one request per advertiser; `cut` is the table that was cut off.

    The sums are compared with the vendor's totals before and after, because those of the current
    day keep changing. Raises AnswerError where anything is missing.
    """
    listed = {
        int(entry["network_advertiser_id"]) for entry in list_entries(http, pull, "advertisers")
    }
    seen = {(row["affiliate_id"], row["advertiser_id"]) for row in _rows(pull, day, cut)}
    for _ in range(ATTEMPTS):
        before = _totals(http, pull, day, zone_id)
        wanted = listed | set(before) | {advertiser for _, advertiser in seen}
        rows = [
            row
            for advertiser in sorted(wanted)
            for row in _of_advertiser(http, pull, day, zone_id, advertiser)
        ]
        after = _totals(http, pull, day, zone_id)
        got = {(row["affiliate_id"], row["advertiser_id"]) for row in rows}
        if seen <= got and _lies_between(_sums(rows), before, after):
            return rows
    raise AnswerError(
        f"everflow for client {pull.client_id}, {day}: more than {ROW_CAP:,} rows in one day, and "
        "its advertisers' rows do not add up to the vendor's totals; the day keeps its rows."
    )


def _of_advertiser(
    http: VendorClient, pull: Pull, day: Window, zone_id: int, advertiser: int
) -> list[Row]:
    table, is_cut = ask_table(http, pull, day, zone_id, filters={"advertiser": advertiser})
    rows = _rows(pull, day, table)
    if any(row["advertiser_id"] != advertiser for row in rows):
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: the vendor ignores the filter for "
            f"advertiser {advertiser}; the day keeps its rows."
        )
    if is_cut:
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: more than {ROW_CAP:,} rows of "
            f"advertiser {advertiser} in one day, the vendor cuts the rest off; the day keeps "
            "what it had."
        )
    return rows


def _rows(pull: Pull, window: Window, table: list[Entry]) -> list[Row]:
    rows = [daily_row(pull, window, entry) for entry in table]
    require_measures(replace(pull, window=window), "daily_stats", rows, REQUIRED)
    return rows


def _totals(http: VendorClient, pull: Pull, day: Window, zone_id: int) -> Totals:
    """The day's counts by advertiser, as the vendor totals them."""
    table, is_cut = ask_table(http, pull, day, zone_id, columns=("date", "advertiser"))
    if is_cut:
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: the vendor cuts off even the table of "
            "one day by advertiser; the day keeps its rows."
        )
    found: Totals = {}
    for entry in table:
        columns = {column["column_type"]: column for column in entry["columns"]}
        given: Mapping[str, Any] = entry["reporting"]
        found[number_of(columns["advertiser"])] = {
            name: total([given.get(METRICS[name].path)]) for name in COUNTS
        }
    return found


def _sums(rows: list[Row]) -> Totals:
    by_advertiser: dict[int, list[Row]] = {}
    for row in rows:
        by_advertiser.setdefault(row["advertiser_id"], []).append(row)
    return {
        advertiser: {name: total(row[name] for row in part) for name in COUNTS}
        for advertiser, part in by_advertiser.items()
    }


def _lies_between(sums: Totals, before: Totals, after: Totals) -> bool:
    nothing = dict.fromkeys(COUNTS, Decimal(0))
    for advertiser in {*sums, *before, *after}:
        got, one, two = (part.get(advertiser, nothing) for part in (sums, before, after))
        for name in COUNTS:
            if not min(one[name], two[name]) <= got[name] <= max(one[name], two[name]):
                return False
    return True


def daily_rows(http: VendorClient, pull: Pull, window: Window, zone_id: int) -> Iterator[Row]:
    """Rows by date, affiliate and advertiser.

    A response cut off at 10,000 rows is requested again in smaller windows, a single day by
    advertiser. Raises AnswerError where that is still incomplete.
    """
    days = (window.end - window.start).days + 1
    try:
        table, is_cut = ask_table(http, pull, window, zone_id)
    except TooLargeError:
        if days == 1:
            raise
        table, is_cut = [], True
    if not is_cut:
        yield from _rows(pull, window, table)
    elif days == 1:
        pull.say(f"{window}: cut off at {counted(len(table), 'row')}, asking by advertiser")
        yield from rows_by_advertiser(http, pull, window, zone_id, table)
    else:
        pull.say(f"{window}: cut off at {counted(len(table), 'row')}, asking in halves")
        for half in slices(window, (days + 1) // 2):
            yield from daily_rows(http, pull, half, zone_id)
