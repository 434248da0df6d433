"""Everflow: what affiliates brought.

Data flow: POST /v1/networks/reporting/entity/table  -> everflow.daily_stats
           POST /v1/networks/reporting/conversions   -> everflow.conversions
           POST /v1/networks/reporting/clicks/stream -> everflow.clicks (off unless switched on)
           GET  /v1/networks/{affiliates,advertisers,offers} -> the tables of the same names
Everflow changes past days for months (scrubs, late conversions), so every pull replaces whole days:
what vanished there vanishes here, and a day that came back empty is emptied.
"""

from __future__ import annotations

from ingest.columns import text_columns
from ingest.http import VendorClient
from ingest.landing import Landing, Plan, Pull, Row, Source, Window
from ingest.replacement import landing_by_day
from ingest.sources.everflow.clicks import clicks_landing
from ingest.sources.everflow.client import TimeZones, connect
from ingest.sources.everflow.conversions import conversions_landing
from ingest.sources.everflow.daily_stats import daily_rows
from ingest.sources.everflow.lists import list_landing
from ingest.sources.everflow.settings import (
    CLICK_DAYS_KEPT,
    CLICK_SLICE_DAYS,
    COLUMNS,
    CONTROLLED,
    CONVERSION_DAYS_KEPT,
    LISTS,
    OPTIONAL,
    REQUIRED,
    RESOURCES,
    SLICE_DAYS,
)
from ingest.tables import read_tables, within
from ingest.windows import days, slices
from signalroom.settings import require

DAYS_KEPT = {"conversions": CONVERSION_DAYS_KEPT, "clicks": CLICK_DAYS_KEPT}


def extract(pull: Pull) -> list[Landing]:
    """Every row of the window, asked for before anything is loaded; clicks alone are read later."""
    with connect(pull.client_id) as http:
        zones = TimeZones(http)
        return read_tables(pull, lambda table: _read(http, zones, pull, table))


def _read(http: VendorClient, zones: TimeZones, pull: Pull, table: str) -> Landing | None:
    if table in LISTS:
        return list_landing(http, pull, table)
    part = _within(pull, table)
    if part is None:
        pull.notice(f"{table}: Everflow no longer keeps {pull.window}; the table keeps what it has")
        return None
    if table == "conversions":
        return conversions_landing(http, part, zones.business)
    if table == "clicks":
        return clicks_landing(part, zones)
    rows: list[Row] = []
    for window in slices(part.window, SLICE_DAYS):
        rows.extend(daily_rows(http, part, window, zones.business))
        pull.say(f"{window}: {len(rows):,} rows")
    return landing_by_day(table, part, rows, {**COLUMNS, **text_columns(rows, COLUMNS)}, CONTROLLED)


def _within(pull: Pull, table: str) -> Pull | None:
    return within(pull, DAYS_KEPT[table]) if table in DAYS_KEPT else pull


def plan(pull: Pull) -> Plan:
    """One request for the time zones where days are asked, one for each slice, day or list."""
    tables, requests, asked = [], 0, set()
    for table in pull.resources:
        part = _within(pull, table)
        if part is not None:
            tables.append(table)
            requests += 1 if table in LISTS else _requests(table, part.window)
            asked |= set() if table in LISTS else set(days(part.window))
    return Plan(tuple(tables), len(asked), requests + (1 if asked else 0), 0)


def _requests(table: str, window: Window) -> int:
    lengths = {"daily_stats": SLICE_DAYS, "conversions": 1, "clicks": CLICK_SLICE_DAYS}
    return len(list(slices(window, lengths[table])))


SOURCE = Source(
    name="everflow",
    title="Everflow",
    resources=RESOURCES,
    required=REQUIRED,
    account=lambda client_id: require("EVERFLOW_API_KEY", client_id),
    extract=extract,
    plan=plan,
    daily=("daily_stats", "conversions"),
    optional=OPTIONAL,
)
