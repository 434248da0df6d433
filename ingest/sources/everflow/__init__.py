"""Everflow: what affiliates brought.

Data flow: POST /v1/networks/reporting/entity/table -> everflow.daily_stats
Everflow changes past days for months (scrubs, late conversions), so every pull replaces whole days:
what vanished there vanishes here, and a day that came back empty is emptied.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.landing import Landing, Plan, Pull, Row, Source
from ingest.replacement import landing_by_day
from ingest.sources.everflow.helpers import connect, daily_rows, timezone_id
from ingest.sources.everflow.settings import COLUMNS, CONTROLLED, REQUIRED, SLICE_DAYS
from ingest.windows import days, slices
from signalroom.settings import require


def extract(pull: Pull) -> Iterator[Landing]:
    """Every row of the window, asked for before anything is loaded."""
    rows: list[Row] = []
    with connect(pull.client_id) as http:
        zone_id = timezone_id(http)
        for part in slices(pull.window, SLICE_DAYS):
            rows.extend(daily_rows(http, pull, part, zone_id))
            pull.say(f"{part}: {len(rows):,} rows")
    yield landing_by_day("daily_stats", pull, rows, COLUMNS, CONTROLLED)


def plan(pull: Pull) -> Plan:
    """One request for the time zones, one for each slice."""
    requests = 1 + len(list(slices(pull.window, SLICE_DAYS)))
    return Plan(("daily_stats",), len(list(days(pull.window))), requests, 0)


SOURCE = Source(
    name="everflow",
    title="Everflow",
    resources=("daily_stats",),
    required=REQUIRED,
    account=lambda client_id: require("EVERFLOW_API_KEY", client_id),
    extract=extract,
    plan=plan,
)
