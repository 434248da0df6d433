"""Mautic: the agency's contacts, the emails sent to them, and which were read.

Data flow: GET /api/contacts          -> mautic.contacts
           GET /api/emails            -> mautic.emails
           GET /api/campaigns         -> mautic.campaigns
           GET /api/stats/email_stats -> mautic.email_stats
The lists are replaced as a whole. Opens arrive for weeks, so every pull replaces whole days of
`email_stats`, by date sent.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dlt

from ingest.model import Plan, Pull, days
from ingest.resources import SOURCE, plain_pull
from ingest.sources.mautic.client import Instance
from ingest.sources.mautic.tables import campaigns, contacts, email_stats, emails, requests_for


@dlt.source(**SOURCE)
def mautic(
    client_id: str | None = None,
    start: str | date | None = None,
    end: str | date | None = None,
    base_url: str | None = None,
    oauth_client_id: str | None = None,
    oauth_client_secret: str | None = None,
    pull: Pull | None = None,
) -> Any:
    """One client's Mautic; ISO dates, both included. Calling it makes no request.

    Missing arguments come from the environment; `pull` replaces them in `ingest.pull`.
    """
    pull = pull or plain_pull(
        "mautic",
        client_id,
        start,
        end,
        MAUTIC_BASE_URL=base_url,
        MAUTIC_CLIENT_ID=oauth_client_id,
        MAUTIC_CLIENT_SECRET=oauth_client_secret,
    )
    instance = Instance(pull)
    return (
        contacts(pull, instance),
        emails(pull, instance),
        campaigns(pull, instance),
        email_stats(pull, instance),
    )


def plan(pull: Pull) -> Plan:
    """Requests as of now, including one for a token; requests the totals from Mautic."""
    instance = Instance(pull)
    requests = 1 + sum(requests_for(pull, instance, table) for table in pull.resources)
    covered = len(list(days(pull.window))) if "email_stats" in pull.resources else 0
    return Plan(pull.resources, covered, requests, 0)
