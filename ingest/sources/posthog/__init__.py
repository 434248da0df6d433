"""PostHog: what visitors did, and which variants they saw.

Data flow: POST /api/projects/:id/query/         -> posthog.events
           GET  /api/projects/:id/feature_flags/ -> posthog.feature_flags
           GET  /api/projects/:id/experiments/   -> posthog.experiments
Events arrive late from devices that were offline, so every pull replaces whole days; the lists are
replaced as a whole.
"""

from __future__ import annotations

from ingest.http import VendorClient
from ingest.landing import Landing, Plan, Pull, Source
from ingest.sources.posthog.client import connect, host, list_landing, list_requests
from ingest.sources.posthog.events import event_requests, events_landing
from ingest.sources.posthog.settings import LISTS, REQUIRED, RESOURCES
from ingest.tables import read_tables
from ingest.windows import days
from signalroom.settings import require


def extract(pull: Pull) -> list[Landing]:
    """Everything that is asked for, before anything is loaded."""
    with connect(pull.client_id) as http:
        return read_tables(pull, lambda table: _read(http, pull, table))


def _read(http: VendorClient, pull: Pull, table: str) -> Landing:
    return list_landing(http, pull, table) if table in LISTS else events_landing(http, pull)


def plan(pull: Pull) -> Plan:
    """Requests as of now; PostHog is asked to count."""
    with connect(pull.client_id) as http:
        requests = sum(_requests(http, pull, table) for table in pull.resources)
    asked = len(list(days(pull.window))) if "events" in pull.resources else 0
    return Plan(pull.resources, asked, requests, 0)


def _requests(http: VendorClient, pull: Pull, table: str) -> int:
    return list_requests(http, pull, table) if table in LISTS else event_requests(http, pull)


SOURCE = Source(
    name="posthog",
    title="PostHog",
    resources=RESOURCES,
    required=REQUIRED,
    account=lambda client_id: f"{host(client_id)} {require('POSTHOG_PROJECT_ID', client_id)}",
    extract=extract,
    plan=plan,
    daily=("events",),
)
