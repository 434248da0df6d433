"""Targets of an alert: the channels and recipients of its client, and the row of each message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reports.alerts import policy as alert_policy
from reports.alerts.incidents import Incident
from reports.alerts.message import addressee, alerts_of
from reports.alerts.plan import Plan, edition, is_about, plan
from reports.delivery.attempts import CHANNELS
from reports.delivery.outbox import Entry, Outbox, hashed
from reports.messages.render import render
from signalroom import clock
from signalroom.settings import require, variable


def content_of(incident: Incident, channel: str, client_id: str) -> dict[str, Any]:
    """An incident rendered for a channel of its addressee; ReportError for any other client."""
    context = alerts_of(client_id, [incident], clock.local_date(incident.opened_at))
    return render(channel, "alerts", context, client_id)


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


NAME = "alert"
# Alerts may have a channel of their own; the first of these that is set.
RECIPIENTS = {"slack": ("SLACK_ALERT_CHANNEL_ID", "SLACK_CHANNEL_ID")}


@dataclass(frozen=True)
class Target:
    """One recipient: what it was sent of an incident, oldest first, and what it has yet to hear."""

    client_id: str
    channel: str
    recipient: str
    rows: tuple[Entry, ...]
    plan: Plan


def targets_of(outbox: Outbox, incident: Incident) -> Iterator[Target]:
    """Who is to hear of an incident, and what each has yet to hear."""
    client_id, now = addressee(incident.client_id), clock.now()
    held_until = alert_policy.policy(client_id).held_until(incident.severity, now)
    for channel in channels_of(incident):
        if missing_variable(channel, client_id):
            continue
        for recipient in _recipients(channel, client_id):
            day = clock.local_date(incident.opened_at)
            rows = tuple(
                entry
                for entry in outbox.entries(NAME, client_id, day, channel, recipient)
                if is_about(entry, incident)
            )
            what = plan(incident, channel, rows, held_until, now)
            yield Target(client_id, channel, recipient, rows, what)


def channels_of(incident: Incident) -> tuple[str, ...]:
    """Where an incident of its severity, or a notice, goes."""
    if incident.channels is not None:
        return tuple(name for name in incident.channels if name in CHANNELS)
    policy = alert_policy.policy(addressee(incident.client_id))
    return policy.channels[incident.severity]


def _recipients(channel: str, client_id: str) -> list[str]:
    names = RECIPIENTS.get(channel, (CHANNELS[channel].RECIPIENTS,))
    written = next((value for name in names if (value := variable(name, client_id))), "")
    return list(dict.fromkeys(part.strip() for part in written.split(",") if part.strip()))


def missing_variable(channel: str, client_id: str) -> str | None:
    """The first variable that a channel lacks."""
    module = CHANNELS[channel]
    needed = [name for name in module.REQUIRED if name != module.RECIPIENTS]
    unset = [name for name in needed if not variable(name, client_id)]
    if not _recipients(channel, client_id):
        unset.append(module.RECIPIENTS)
    return unset[0] if unset else None


def entry_of(incident: Incident, target: Target, content: dict[str, Any]) -> Entry:
    """The row of a message; the same for two processes that plan the same."""
    about = edition(incident)
    number = len(target.rows) + 1
    digest = hashed(json.dumps([about, target.channel, target.recipient, number]))[:20]
    key = f"{NAME}:{target.client_id}:{incident.incident_id}:{target.channel}:{digest}"
    if target.plan.edits:
        content = edit_of(content, target.plan.edits)
    elif target.channel == "email":
        content = threaded(content, incident, target.client_id, target.rows)
    payload = CHANNELS[target.channel].payload(target.client_id, target.recipient, key, content)
    text = json.dumps(payload, ensure_ascii=False)
    return Entry(
        dedupe_key=key,
        report=NAME,
        client_id=target.client_id,
        period=clock.local_date(incident.opened_at),
        edition=about,
        number=number,
        channel=target.channel,
        recipient=target.recipient,
        payload=text,
        payload_hash=hashed(text),
        told="{}",
        status="pending",
        attempts=0,
        provider_id=None,
        reason=None,
        created_at=clock.instant(),
        next_at=None,
        sent_at=None,
    )
