"""RedTrack: ad spend.

Data flow: GET /report by date and source                  -> redtrack.daily_spend
           GET /report by date, source, campaign and offer -> redtrack.campaign_spend
           GET /conversions                                -> redtrack.conversions
           GET /campaigns, /sources, /offers               -> the tables of the same names
Costs of any past day can change, so every pull replaces whole days; lists are replaced whole.
Unverified: the field of an offer's target address (`url`) and the forms of Everflow's ids in it
(parameters, or codes in its path, everflow.tracking_codes). They suggest the affiliate of a source
(marts.mapping_gaps, doctor); they map spend only where the registry says `mapping: offer`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dlt

from ingest.model import Plan, Pull, days, slices
from ingest.resources import SOURCE, plain_pull
from ingest.sources.redtrack.client import Account
from ingest.sources.redtrack.settings import SLICE_DAYS
from ingest.sources.redtrack.tables import (
    campaign_spend,
    campaigns,
    conversions,
    daily_spend,
    offers,
    sources,
)


@dlt.source(**SOURCE)
def redtrack(
    client_id: str | None = None,
    start: str | date | None = None,
    end: str | date | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    pull: Pull | None = None,
) -> Any:
    """One client's RedTrack account; ISO dates, both included. Calling it makes no request.

    Missing arguments come from the environment; `pull` replaces them in `ingest.pull`.
    """
    pull = pull or plain_pull(
        "redtrack", client_id, start, end, REDTRACK_API_KEY=api_key, REDTRACK_BASE_URL=base_url
    )
    account = Account(pull)
    return (
        daily_spend(pull, account),
        campaign_spend(pull, account),
        conversions(pull, account),
        campaigns(pull, account),
        sources(pull, account),
        offers(pull, account),
    )


def plan(pull: Pull) -> Plan:
    """Two requests for each slice and list, unless a page is full: the second one proves the end.

    Amounts also need the account's settings, and spend the list of sources, for their currencies.
    """
    parts = 2 * len(list(slices(pull.window, SLICE_DAYS)))
    requests = {"daily_spend": parts, "campaign_spend": parts}
    wanted = set(pull.resources)
    has_spend = bool(wanted & requests.keys())
    by_day = wanted & {*requests, "conversions"}
    return Plan(
        tables=pull.resources,
        days=len(list(days(pull.window))) if by_day else 0,
        requests=sum(
            requests.get(table, 2) for table in wanted | ({"sources"} if has_spend else set())
        )
        + bool(by_day),
        files=0,
    )
