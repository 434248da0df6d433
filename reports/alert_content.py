"""The content of one alert message: what is rendered, and where it belongs among earlier ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from reports.alerts.message import alerts_of
from reports.delivery.outbox import Entry
from reports.messages.render import render
from reports.trouble import Incident
from signalroom import clock
from signalroom.settings import require


def content_of(incident: Incident, channel: str, client_id: str) -> dict[str, Any]:
    """An incident rendered for a channel of its addressee; ReportError for any other client."""
    context = alerts_of(client_id, [incident], clock.local_date(incident.opened_at))
    return render(channel, "alert", context, client_id)


def edit_of(content: dict[str, Any], timestamp: str) -> dict[str, Any]:
    """A Slack message that takes the place of an earlier one."""
    return {**content, "ts": timestamp}


def threaded(
    content: dict[str, Any], incident: Incident, client_id: str, earlier: Sequence[Entry]
) -> dict[str, Any]:
    """An e-mail that mail programs show in one thread with the earlier ones of its incident.

    Resend makes the Message-ID itself and tells nobody, so all refer to a name that the incident
    alone has. Gmail wants the subject to stay as well: follow-ups keep it, after `Re: `.
    """
    domain = require("RESEND_FROM_EMAIL", client_id).rpartition("@")[2].rstrip("> ")
    thread = f"<alert-{incident.incident_id}@{domain}>"
    if not earlier:
        return {**content, "headers": {"References": thread}}
    first = str(json.loads(earlier[0].payload)["subject"])
    headers = {"In-Reply-To": thread, "References": thread}
    return {**content, "subject": f"Re: {first.removeprefix('Re: ')}", "headers": headers}
