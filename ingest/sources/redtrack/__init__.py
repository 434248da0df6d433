"""RedTrack: what the ads cost.

Data flow: GET /report, grouped by date and source -> redtrack.daily_spend
           GET /campaigns, GET /sources            -> the tables of the same names
Costs are rewritten for any past day, so every pull replaces whole days; lists are replaced whole.
"""

from __future__ import annotations

from ingest.columns import text_columns
from ingest.http import VendorClient
from ingest.landing import Landing, Plan, Pull, Row, Source
from ingest.replacement import landing_by_day
from ingest.sources.redtrack.client import connect, daily_rows, list_landing
from ingest.sources.redtrack.settings import (
    COLUMNS,
    CONTROLLED,
    LISTS,
    REQUIRED,
    RESOURCES,
    SLICE_DAYS,
)
from ingest.tables import read_tables
from ingest.windows import days, slices
from signalroom.settings import require


def extract(pull: Pull) -> list[Landing]:
    """Every row of the window, asked for before anything is loaded."""
    with connect(pull.client_id) as http:
        return read_tables(pull, lambda table: _read(http, pull, table))


def _read(http: VendorClient, pull: Pull, table: str) -> Landing:
    if table in LISTS:
        return list_landing(http, pull, table)
    rows: list[Row] = []
    for part in slices(pull.window, SLICE_DAYS):
        rows.extend(daily_rows(http, pull, part))
        pull.say(f"{part}: {len(rows):,} rows")
    return landing_by_day(table, pull, rows, {**COLUMNS, **text_columns(rows, COLUMNS)}, CONTROLLED)


def plan(pull: Pull) -> Plan:
    """One request for each slice and each list, as long as no page is full."""
    by_day = [table for table in pull.resources if table not in LISTS]
    requests = len(by_day) * len(list(slices(pull.window, SLICE_DAYS)))
    return Plan(
        tables=pull.resources,
        days=len(list(days(pull.window))) if by_day else 0,
        requests=requests + len(pull.resources) - len(by_day),
        files=0,
    )


SOURCE = Source(
    name="redtrack",
    title="RedTrack",
    resources=RESOURCES,
    required=REQUIRED,
    account=lambda client_id: require("REDTRACK_API_KEY", client_id),
    extract=extract,
    plan=plan,
    daily=("daily_spend",),
)
