"""PostHog: events of visitors, and the variants they saw.

Data flow: POST /api/projects/:id/query/         -> posthog.events
           GET  /api/projects/:id/feature_flags/ -> posthog.feature_flags
           GET  /api/projects/:id/experiments/   -> posthog.experiments
Events arrive late from devices that were offline, so every pull replaces whole days; the lists are
replaced as a whole.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dlt

from ingest.model import Plan, Pull, days
from ingest.resources import SOURCE, plain_pull
from ingest.sources.posthog import events
from ingest.sources.posthog.client import Project, list_requests
from ingest.sources.posthog.lists import experiments, feature_flags


@dlt.source(**SOURCE)
def posthog(
    client_id: str | None = None,
    start: str | date | None = None,
    end: str | date | None = None,
    api_key: str | None = None,
    project_id: str | None = None,
    host: str | None = None,
    pull: Pull | None = None,
) -> Any:
    """One client's PostHog project; ISO dates, both included. Calling it makes no request.

    Missing arguments come from the environment; `pull` replaces them in `ingest.pull`.
    """
    pull = pull or plain_pull(
        "posthog",
        client_id,
        start,
        end,
        POSTHOG_API_KEY=api_key,
        POSTHOG_PROJECT_ID=project_id,
        POSTHOG_HOST=host,
    )
    project = Project(pull)
    return events.events(pull, project), feature_flags(pull, project), experiments(pull, project)


def plan(pull: Pull) -> Plan:
    """Requests as of now; requests the counts from PostHog."""
    project = Project(pull)
    requests = sum(
        events.event_requests(pull, project) if table == "events" else list_requests(project, table)
        for table in pull.resources
    )
    covered = len(list(days(pull.window))) if "events" in pull.resources else 0
    return Plan(pull.resources, covered, requests, 0)
