"""PostHog: what visitors did, and which variants they saw.

Data flow: POST /api/projects/:id/query/         -> posthog.events
           GET  /api/projects/:id/feature_flags/ -> posthog.feature_flags
           GET  /api/projects/:id/experiments/   -> posthog.experiments
Events arrive late from devices that were offline, so every pull replaces whole days; the lists are
replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingest.landing import Landing, Plan, Pull, Source
from ingest.sources.posthog.events import event_requests, events_landing
from ingest.sources.posthog.helpers import connect, host, list_landing, list_requests
from ingest.sources.posthog.settings import LISTS, REQUIRED, RESOURCES
from ingest.windows import days
from signalroom.settings import require


def extract(pull: Pull) -> Iterator[Landing]:
    """Everything that is asked for, before anything is loaded."""
    with connect(pull.client_id) as http:
        if "events" in pull.resources:
            yield events_landing(http, pull)
        for table in LISTS:
            if table in pull.resources:
                yield list_landing(http, pull, table)


def plan(pull: Pull) -> Plan:
    """Requests as of now; PostHog is asked to count."""
    with connect(pull.client_id) as http:
        requests = event_requests(http, pull) if "events" in pull.resources else 0
        requests += sum(
            list_requests(http, pull, table) for table in LISTS if table in pull.resources
        )
    return Plan(pull.resources, len(list(days(pull.window))), requests, 0)


SOURCE = Source(
    name="posthog",
    title="PostHog",
    resources=RESOURCES,
    required=REQUIRED,
    account=lambda client_id: f"{host(client_id)} {require('POSTHOG_PROJECT_ID', client_id)}",
    extract=extract,
    plan=plan,
)
