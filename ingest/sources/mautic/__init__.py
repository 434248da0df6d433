"""Mautic: whom the agency writes to, what it sent, and what was read.

Data flow: GET /api/contacts          -> mautic.contacts
           GET /api/emails            -> mautic.emails
           GET /api/campaigns         -> mautic.campaigns
           GET /api/stats/email_stats -> mautic.email_stats
The lists are replaced as a whole. Opens are counted for weeks, so every pull replaces whole days
of `email_stats`, by day of sending.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.http import VendorClient
from ingest.landing import Landing, Plan, Pull, Source
from ingest.sources.mautic.helpers import base_url, connect, total_of
from ingest.sources.mautic.lists import ORDER, list_landing
from ingest.sources.mautic.settings import LISTS, PAGE_ROWS, REQUIRED, RESOURCES
from ingest.sources.mautic.stats import PATH, question, stats_landing
from ingest.windows import days


def extract(pull: Pull) -> Iterator[Landing]:
    """Everything that is asked for, before anything is loaded."""
    with connect(pull.client_id) as http:
        for table in LISTS:
            if table in pull.resources:
                yield list_landing(http, pull, table)
        if "email_stats" in pull.resources:
            yield stats_landing(http, pull)


def plan(pull: Pull) -> Plan:
    """Requests as of now, with one for a token; Mautic is asked for its totals."""
    with connect(pull.client_id) as http:
        requests = 1 + sum(_requests(http, pull, table) for table in pull.resources)
    return Plan(pull.resources, len(list(days(pull.window))), requests, 0)


def _requests(http: VendorClient, pull: Pull, table: str) -> int:
    """How many pages a table takes."""
    if table in LISTS:
        answer = http.get(f"/api/{table}", {**ORDER, "start": 0, "limit": 1})
    else:
        answer = http.get(PATH, {**question(pull.window), "start": 0, "limit": 1})
    return max(1, -(-(total_of(answer) or 0) // PAGE_ROWS))


SOURCE = Source(
    name="mautic",
    title="Mautic",
    resources=RESOURCES,
    required=REQUIRED,
    account=base_url,
    extract=extract,
    plan=plan,
)
