"""A day of more than 10,000 rows: asked for by advertiser, and proved to be complete."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ingest.http import VendorClient
from ingest.landing import Pull, Row, Window
from ingest.sources.everflow.daily_stats import Entry, ask_table, daily_row, number_of
from ingest.sources.everflow.lists import list_entries
from ingest.sources.everflow.settings import METRICS, ROW_CAP
from ingest.values import COUNT_TYPE, total
from signalroom.errors import AnswerError

# Counts decide whether all is there: a vendor's sum of rounded amounts need not be ours.
COUNTS = [name for name, field in METRICS.items() if field.kind is COUNT_TYPE]
ATTEMPTS = 2
Totals = dict[int, dict[str, Decimal]]  # by advertiser


def rows_by_advertiser(
    http: VendorClient, pull: Pull, day: Window, zone_id: int, cut: list[Entry]
) -> list[Row]:
    """The day's rows, one request an advertiser; `cut` is the table that was cut off.

    The sums are compared with those that the vendor gives before and after, for a day that is
    running moves on meanwhile. Raises AnswerError where anything is missing.
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
        "its advertisers' rows do not add up to the vendor's totals; the day keeps what it had."
    )


def _of_advertiser(
    http: VendorClient, pull: Pull, day: Window, zone_id: int, advertiser: int
) -> list[Row]:
    table, is_cut = ask_table(http, pull, day, zone_id, filters={"advertiser": advertiser})
    rows = _rows(pull, day, table)
    if any(row["advertiser_id"] != advertiser for row in rows):
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: the vendor ignores the filter for "
            f"advertiser {advertiser}; the day keeps what it had."
        )
    if is_cut:
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: more than {ROW_CAP:,} rows of "
            f"advertiser {advertiser} in one day, the vendor cuts the rest off; the day keeps "
            "what it had."
        )
    return rows


def _rows(pull: Pull, day: Window, table: list[Entry]) -> list[Row]:
    return [daily_row(pull, day, entry) for entry in table]


def _totals(http: VendorClient, pull: Pull, day: Window, zone_id: int) -> Totals:
    """The day's counts by advertiser, as the vendor adds them up."""
    table, is_cut = ask_table(http, pull, day, zone_id, columns=("date", "advertiser"))
    if is_cut:
        raise AnswerError(
            f"everflow for client {pull.client_id}, {day}: more than {ROW_CAP:,} advertisers in "
            "one day; the day keeps what it had."
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
