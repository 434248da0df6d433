"""Targets of an alert: channels and recipients of its clients, and the row of each message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.alerts import policy as alert_policy
from reports.alerts.groups import together
from reports.alerts.incidents import Incident
from reports.alerts.message import addressee, alerts_of
from reports.alerts.plan import Plan, edition, plan
from reports.delivery.attempts import CHANNELS
from reports.delivery.outbox import Entry, Outbox, hashed
from reports.messages.render import render
from signalroom import clock
from signalroom.clients import default_client_id, registry
from signalroom.settings import require, variable

NAME = "alert"
# Where alerts go: the first of these that is set. Recipients of reports do not get alerts by email
# and SMS unless they are listed for alerts.
RECIPIENTS = {
    "slack": ("SLACK_ALERT_CHANNEL_ID", "SLACK_CHANNEL_ID"),
    "email": ("ALERT_EMAILS",),
    "sms": ("ALERT_NUMBERS",),
}


@dataclass(frozen=True)
class Target:
    """One recipient: what it was sent about a group, oldest first, and what is still to be sent.

    `incident` is the part of the group about the recipient's clients, `client_id` the client whose
    credentials are used to send.
    """

    client_id: str
    channel: str
    recipient: str
    incident: Incident
    rows: tuple[Entry, ...]
    plan: Plan


def targets_of(outbox: Outbox, members: Sequence[Incident]) -> Iterator[Target]:
    """The recipients of the incidents of one group, and what each still has to be sent."""
    now = clock.now()
    for (channel, recipient, _), mine in _listeners(members).items():
        incident = together(mine)
        whose = {addressee(one.client_id) for one in mine}
        client_id = default_client_id() if default_client_id() in whose else min(whose)
        rows = tuple(outbox.about(NAME, incident.incident_id, channel, recipient))
        held_until = _held_until(mine, now)
        what = plan(incident, channel, rows, held_until, now)
        yield Target(client_id, channel, recipient, incident, rows, what)


def _listeners(members: Sequence[Incident]) -> dict[tuple[str, str, str], list[Incident]]:
    """By channel, recipient and workspace: the incidents of the clients that list the recipient."""
    found: dict[tuple[str, str, str], list[Incident]] = {}
    for one in members:
        client_id = addressee(one.client_id)
        for channel in channels_of(one):
            addresses = _own(one, channel) or recipients(channel, client_id)
            if not addresses or missing_access(channel, client_id):
                continue
            workspace = hashed(require("SLACK_BOT_TOKEN", client_id)) if channel == "slack" else ""
            for recipient in addresses:
                found.setdefault((channel, recipient, workspace), []).append(one)
    return found


def channel_of(address: str) -> str:
    """The channel of an address: `ann@example.org`, `+15550100199`, a Slack channel's id."""
    if "@" in address:
        return "email"
    return "sms" if address.startswith("+") else "slack"


def _own(incident: Incident, channel: str) -> list[str]:
    """The addresses that an incident names itself, such as those of buyers."""
    named = [one for one in incident.channels or () if one not in CHANNELS]
    return [one for one in named if channel_of(one) == channel]


def _held_until(members: Sequence[Incident], now: datetime) -> datetime | None:
    """The end of the quiet hours, if they hold back open incidents of every client."""
    shown = [one for one in members if one.is_open] or members
    ends = [
        alert_policy.policy(addressee(one.client_id)).held_until(one.severity, now) for one in shown
    ]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None


def channels_of(incident: Incident) -> tuple[str, ...]:
    """Where an incident of its severity, or a notice, goes."""
    if incident.channels is not None:
        names = (one if one in CHANNELS else channel_of(one) for one in incident.channels)
        return tuple(dict.fromkeys(names))
    policy = alert_policy.policy(addressee(incident.client_id))
    return policy.channels[incident.severity]


def recipients(channel: str, client_id: str) -> list[str]:
    """Recipients of a client's alerts in a channel; empty if no variable names any."""
    written = next(
        (value for name in RECIPIENTS[channel] if (value := variable(name, client_id))), ""
    )
    return list(dict.fromkeys(part.strip() for part in written.split(",") if part.strip()))


def missing_variable(channel: str, client_id: str) -> str | None:
    """The first variable that a channel lacks, its recipients included."""
    if missing := missing_access(channel, client_id):
        return missing
    return None if recipients(channel, client_id) else RECIPIENTS[channel][-1]


def missing_access(channel: str, client_id: str) -> str | None:
    """The first unset variable that is needed to send anything in a channel."""
    module = CHANNELS[channel]
    needed = [name for name in module.REQUIRED if name != module.RECIPIENTS]
    return next((name for name in needed if not variable(name, client_id)), None)


def content_of(target: Target) -> dict[str, Any]:
    """What a recipient is sent."""
    day = clock.local_date(target.incident.opened_at)
    also = [one for one in registry() if target.recipient in recipients(target.channel, one)]
    context = alerts_of(target.client_id, [target.incident], day, also)
    return render(target.channel, "alerts", context, target.client_id)


def edit_of(content: dict[str, Any], timestamp: str) -> dict[str, Any]:
    """A Slack message that replaces an earlier one."""
    return {**content, "ts": timestamp}


def threaded(content: dict[str, Any], target: Target) -> dict[str, Any]:
    """An email that mail clients show in one thread with the earlier ones of its group.

    Resend generates the Message-ID and does not return it, so all emails refer to an id derived
    from the group. Gmail also requires the same subject: follow-ups keep it, after `Re: `.
    """
    domain = require("RESEND_FROM_EMAIL", target.client_id).rpartition("@")[2].rstrip("> ")
    thread = f"<alert-{target.incident.incident_id}@{domain}>"
    if not target.rows:
        return {**content, "headers": {"References": thread}}
    first = str(json.loads(target.rows[0].payload)["subject"])
    headers = {"In-Reply-To": thread, "References": thread}
    return {**content, "subject": f"Re: {first.removeprefix('Re: ')}", "headers": headers}


def entry_of(target: Target, content: dict[str, Any]) -> Entry:
    """The row of a message; identical for two processes with the same plan."""
    about = edition(target.incident)
    number = len(target.rows) + 1
    digest = hashed(json.dumps([about, target.channel, target.recipient, number]))[:20]
    key = f"{NAME}:{target.client_id}:{target.incident.incident_id}:{target.channel}:{digest}"
    if target.plan.edits:
        content = edit_of(content, target.plan.edits)
    elif target.channel == "email":
        content = threaded(content, target)
    payload = CHANNELS[target.channel].payload(target.client_id, target.recipient, key, content)
    text = json.dumps(payload, ensure_ascii=False)
    return Entry(
        dedupe_key=key,
        report=NAME,
        client_id=target.client_id,
        period=clock.local_date(target.incident.opened_at),
        edition=about,
        number=number,
        channel=target.channel,
        recipient=target.recipient,
        payload=text,
        payload_hash=hashed(text),
        created_at=clock.instant(),
    )
