"""RedTrack: what the ads cost.

Data flow: GET /report, grouped by date and source -> redtrack.daily_spend
Costs are rewritten for any past day, so every pull replaces whole days.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.landing import Landing, Plan, Pull, Row, Source
from ingest.replacement import landing_by_day
from ingest.sources.redtrack.helpers import connect, daily_rows
from ingest.sources.redtrack.settings import COLUMNS, CONTROLLED, REQUIRED, SLICE_DAYS
from ingest.windows import days, slices
from signalroom.settings import require


def extract(pull: Pull) -> Iterator[Landing]:
    """Every row of the window, asked for before anything is loaded."""
    rows: list[Row] = []
    with connect(pull.client_id) as http:
        for part in slices(pull.window, SLICE_DAYS):
            rows.extend(daily_rows(http, pull, part))
            pull.say(f"{part}: {len(rows):,} rows")
    yield landing_by_day("daily_spend", pull, rows, COLUMNS, CONTROLLED)


def plan(pull: Pull) -> Plan:
    """One request for each slice, as long as no page is full."""
    requests = len(list(slices(pull.window, SLICE_DAYS)))
    return Plan(("daily_spend",), len(list(days(pull.window))), requests, 0)


SOURCE = Source(
    name="redtrack",
    title="RedTrack",
    resources=("daily_spend",),
    required=REQUIRED,
    account=lambda client_id: require("REDTRACK_API_KEY", client_id),
    extract=extract,
    plan=plan,
)
