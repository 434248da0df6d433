"""Alerting: incidents become messages, each told once, and edited or followed up when it is over.

What a recipient was told of an incident is read from the outbox; what is missing is put there and
sent by its rules. A process may die at any point: the next one finds the same left to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from reports.alerts import findings as troubles
from reports.alerts.incidents import Incident, Incidents
from reports.alerts.message import addressee
from reports.alerts.plan import telling
from reports.alerts.targets import (
    NAME,
    channels_of,
    content_of,
    entry_of,
    missing_variable,
    targets_of,
)
from reports.delivery.attempts import CHANNELS
from reports.delivery.deliver import Delivery, delivery_of, send_open
from reports.delivery.outbox import Entry, Outbox
from signalroom import clock
from signalroom.errors import SignalRoomError

ROUNDS = 3  # what a message came to may ask for another: an edit, or a new one for a lost one
PATIENCE_S = 20.0  # a new alert must not wait behind somebody who asks for minutes
NOT_NOW = timedelta(minutes=15)  # after a failure of our own


@dataclass
class Sent:
    """What was done: messages, and failures of our own in one line each."""

    deliveries: list[Delivery] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def deliver_due(client_id: str | None = None) -> Sent:
    """Send what is due: alerts, and whatever the outbox has open. With a client, its alerts only.

    A failing recipient or incident holds no other; nothing is raised for it.
    """
    sent = Sent()
    done: dict[str, Entry] = {}
    off: dict[tuple[str, str], Delivery] = {}
    with Incidents() as incidents, Outbox() as outbox:
        for _ in range(ROUNDS):
            news = False
            for incident in _due(incidents, client_id):
                off |= _off(incident)
                news |= _write(incidents, outbox, incident, sent.failures)
            wanted = partial(_is_wanted, client_id=client_id)
            for entry in send_open(outbox, wanted, PATIENCE_S):
                done[entry.dedupe_key] = entry
                news |= entry.report == NAME or _report(incidents, entry)
            if not news:
                break
        for incident in _due(incidents, client_id):
            _put_off(incidents, outbox, incident)
    sent.deliveries = [delivery_of(entry) for entry in done.values()] + list(off.values())
    return sent


def _due(incidents: Incidents, client_id: str | None) -> list[Incident]:
    return [one for one in incidents.due() if client_id in (None, addressee(one.client_id))]


def _is_wanted(entry: Entry, client_id: str | None) -> bool:
    return client_id is None or (entry.report, entry.client_id) == (NAME, client_id)


def _write(incidents: Incidents, outbox: Outbox, incident: Incident, failures: list[str]) -> bool:
    """Put what is to be said of an incident into the outbox; whether there was anything."""
    client_id = addressee(incident.client_id)
    try:
        targets = list(targets_of(outbox, incident))
        for target in targets:
            for row in target.plan.stale:
                outbox.skip(row, "overtaken by what happened since")
        speaking = [target for target in targets if target.plan.message]
        contents = {
            target.channel: content_of(incident, target.channel, client_id) for target in speaking
        }
        is_told_anew = any(not target.plan.edits for target in speaking) and (
            telling(incident).state != "resolved"
        )
        # Written down first: what dies after this line is still known to need an ending.
        if is_told_anew and not incidents.told(incident, incident.due_at, clock.now()):
            return True  # changed meanwhile: looked at again in the next round
        for target in speaking:
            outbox.store(entry_of(incident, target, contents[target.channel]))
        return bool(speaking)
    except SignalRoomError as error:
        failures.append(f"alert {client_id}, {incident.title}: {error}")
        incidents.told(incident, clock.now() + NOT_NOW, incident.told_at)
        return False


def _put_off(incidents: Incidents, outbox: Outbox, incident: Incident) -> None:
    """Write down when an incident has something to say next."""
    try:
        plans = [target.plan for target in targets_of(outbox, incident)]
    except SignalRoomError:
        return
    if any(one.message for one in plans):
        return
    later = min((one.later for one in plans if one.later), default=None)
    incidents.told(incident, later, incident.told_at)


def _off(incident: Incident) -> dict[tuple[str, str], Delivery]:
    """Channels that would be used and are not set up, to be said once."""
    client_id = addressee(incident.client_id)
    found = {}
    try:
        for channel in channels_of(incident):
            if missing := missing_variable(channel, client_id):
                said = f"{missing} is not set"
                found[client_id, channel] = Delivery(channel, "", "off", said, NAME, client_id)
    except SignalRoomError:
        return {}  # said where the messages are written
    return found


def _report(incidents: Incidents, entry: Entry) -> bool:
    """Raise, or settle, the trouble of a recipient whom a report does not reach; True if raised."""
    channel = CHANNELS[entry.channel].NAME
    trouble = troubles.delivery_failed(
        entry.client_id, channel, entry.recipient, entry.report, entry.reason or "It was refused"
    )
    if entry.status == "sent":
        incidents.settle(trouble.kind, trouble.client_id, trouble.subject)
    if entry.status == "dead":
        incidents.report(trouble)
    return entry.status == "dead"
