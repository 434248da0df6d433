"""Mautic: whom the agency writes to, what it sent, and what was read.

Data flow: GET /api/contacts          -> mautic.contacts
           GET /api/emails            -> mautic.emails
           GET /api/campaigns         -> mautic.campaigns
           GET /api/stats/email_stats -> mautic.email_stats
The lists are replaced as a whole. Opens are counted for weeks, so every pull replaces whole days
of `email_stats`, by day of sending.
"""

from __future__ import annotations

from ingest.http import VendorClient
from ingest.landing import Landing, Plan, Pull, Source
from ingest.sources.mautic.client import base_url, connect, total_of
from ingest.sources.mautic.settings import LISTS, PAGE_ROWS, REQUIRED, RESOURCES
from ingest.sources.mautic.tables import ORDER, PATH, list_landing, question, stats_landing
from ingest.tables import read_tables
from ingest.windows import days


def extract(pull: Pull) -> list[Landing]:
    """Everything that is asked for, before anything is loaded."""
    with connect(pull.client_id) as http:
        return read_tables(pull, lambda table: _read(http, pull, table))


def _read(http: VendorClient, pull: Pull, table: str) -> Landing:
    return list_landing(http, pull, table) if table in LISTS else stats_landing(http, pull)


def plan(pull: Pull) -> Plan:
    """Requests as of now, with one for a token; Mautic is asked for its totals."""
    with connect(pull.client_id) as http:
        requests = 1 + sum(_requests(http, pull, table) for table in pull.resources)
    asked = len(list(days(pull.window))) if "email_stats" in pull.resources else 0
    return Plan(pull.resources, asked, requests, 0)


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
    daily=("email_stats",),
)
