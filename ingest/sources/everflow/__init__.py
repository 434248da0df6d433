"""Everflow: conversions, clicks and payouts of affiliates.

Data flow: POST /v1/networks/reporting/entity/table  -> everflow.daily_stats
           POST /v1/networks/reporting/conversions   -> everflow.conversions
           POST /v1/networks/reporting/clicks/stream -> everflow.clicks (off unless switched on)
           GET  /v1/networks/reportingadjustments    -> everflow.adjustments
           GET  /v1/networks/{affiliates,advertisers,offers} -> the tables of the same names
           POST /v1/networks/encode                  -> everflow.tracking_codes
Everflow changes past days for months (scrubs, late conversions), so every pull replaces whole days:
rows deleted there are deleted here, and a day that is empty there is emptied. dlt's `incremental`
would add a second cursor besides `ops.loads` and could not empty a day.
Unverified: that the path of a tracking link contains the codes of its affiliate and offer, in this
order; they identify the affiliate of a RedTrack offer.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dlt

from ingest.model import Plan, Pull, days, slices
from ingest.resources import SOURCE, plain_pull
from ingest.sources.everflow import adjustments, clicks, conversions, daily_stats
from ingest.sources.everflow.client import Network
from ingest.sources.everflow.lists import advertisers, affiliates, offers, tracking_codes
from ingest.sources.everflow.settings import (
    ADJUSTMENT_SLICE_DAYS,
    CLICK_DAYS_KEPT,
    CLICK_SLICE_DAYS,
    CONVERSION_DAYS_KEPT,
    SLICE_DAYS,
)


@dlt.source(**SOURCE)
def everflow(
    client_id: str | None = None,
    start: str | date | None = None,
    end: str | date | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    pull: Pull | None = None,
) -> Any:
    """One client's Everflow network; ISO dates, both included. Calling it makes no request.

    Missing arguments come from the environment; `pull` replaces them in `ingest.pull`.
    """
    pull = pull or plain_pull(
        "everflow",
        client_id,
        start,
        end,
        EVERFLOW_API_KEY=api_key,
        EVERFLOW_BASE_URL=base_url,
    )
    network = Network(pull)
    return (
        daily_stats.daily_stats(pull, network),
        conversions.conversions(pull, network),
        adjustments.adjustments(pull, network),
        affiliates(pull, network),
        advertisers(pull, network),
        offers(pull, network),
        tracking_codes(pull, network),
        clicks.clicks(pull, network),
    )


# table -> days per request, days that the vendor keeps
_REQUESTS = {
    "daily_stats": (SLICE_DAYS, None),
    "conversions": (1, CONVERSION_DAYS_KEPT),
    "adjustments": (ADJUSTMENT_SLICE_DAYS, None),
    "clicks": (CLICK_SLICE_DAYS, CLICK_DAYS_KEPT),
}


def plan(pull: Pull) -> Plan:
    """One request per slice, day or list, one for the time zones, one for the currency."""
    tables, requests = [], 0
    covered: set[date] = set()
    for table in pull.resources:
        length, days_kept = _REQUESTS.get(table, (0, None))
        part = pull.within(days_kept)
        if part is not None:
            tables.append(table)
            requests += len(list(slices(part.window, length))) if length else 1
            covered |= set(days(part.window)) if length else set()
    needs_zone = {"daily_stats", "conversions", "clicks"} & set(tables)
    requests += bool(needs_zone) + ("daily_stats" in tables)
    if "tracking_codes" in tables:  # a request for each kind of id, besides the one for its list
        requests += 1 + len({"affiliates", "offers"} - set(tables))
    return Plan(tuple(tables), len(covered), requests, 0)
