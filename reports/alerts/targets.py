"""Targets of an alert: the channels and recipients of its client, and the row of each message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reports.alert_content import edit_of, threaded
from reports.alerts import policy as alert_policy
from reports.alerts.message import addressee
from reports.alerts.plan import Plan, edition, is_about, plan
from reports.delivery.attempts import CHANNELS
from reports.delivery.outbox import Entry, Outbox, hashed
from reports.trouble import Incident
from signalroom import clock
from signalroom.settings import variable

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
    """Whoever is to hear of an incident, and what each has yet to hear."""
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
