"""Alerting: incidents become messages, each sent once, and edited or followed up when resolved.

Incidents with the same cause share a message. The outbox shows what a recipient was already sent;
missing messages are added there and sent by its rules. A process may die at any point: the next one
finds the same work left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from reports.alerts import findings as troubles
from reports.alerts.groups import RECOVERY, by_group, silent_until
from reports.alerts.incidents import Incident, Incidents, wait
from reports.alerts.message import addressee
from reports.alerts.plan import state_of
from reports.alerts.snoozes import read_snoozes
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

ROUNDS = 3  # a message's result may require another: an edit, or a new one for a lost one
PATIENCE_S = 20.0  # a new alert must not wait for minutes behind a rate limit
NOT_NOW = timedelta(minutes=15)  # after an internal error


@dataclass
class Sent:
    """The result: messages, and internal errors, one line each."""

    deliveries: list[Delivery] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def deliver_due(client_id: str | None = None, *, at_once: bool = False) -> Sent:
    """Send what is due: alerts, and open messages of the outbox. With a client, only its alerts.

    A failing recipient or group does not hold up others; nothing is raised for it. With `at_once`
    nothing waits for others of its cause, because no process will send it later.
    """
    sent = Sent()
    done: dict[str, Entry] = {}
    off: dict[tuple[str, str], Delivery] = {}
    with Incidents() as incidents, Outbox() as outbox:
        due = partial(_due, incidents, client_id, at_once)
        for _ in range(ROUNDS):
            news = False
            for group in due():
                off |= _off(group)
                news |= _write(incidents, outbox, group, sent.failures)
            wanted = partial(_is_wanted, client_id=client_id)
            for entry in send_open(outbox, wanted, PATIENCE_S):
                done[entry.dedupe_key] = entry
                news |= entry.report == NAME or _report(incidents, entry)
            if not news:
                break
        for group in due():
            _put_off(incidents, outbox, group)
    sent.deliveries = [delivery_of(entry) for entry in done.values()] + list(off.values())
    return sent


def _due(incidents: Incidents, client_id: str | None, at_once: bool) -> list[list[Incident]]:
    """The groups with something to send, each with all of its incidents.

    Snoozed incidents, and symptoms of an open cause, wait.
    """
    now = clock.now()
    due = incidents.due(now + wait() if at_once else now)
    groups = [incidents.group(group_id) for group_id in by_group(due)]
    if not groups:
        return []
    snoozes, others = read_snoozes(now), incidents.since(now - RECOVERY)
    found = []
    for group in groups:
        mine = [one for one in group if client_id in (None, addressee(one.client_id))]
        later = silent_until(group, others, snoozes, now)
        if later and not any(one.told_at for one in group):
            for one in group:
                if one.due_at:
                    incidents.record_sent(one, later, one.told_at)
        elif mine:
            found.append(mine)
    return found


def _is_wanted(entry: Entry, client_id: str | None) -> bool:
    return client_id is None or (entry.report, entry.client_id) == (NAME, client_id)


def _write(
    incidents: Incidents, outbox: Outbox, group: Sequence[Incident], failures: list[str]
) -> bool:
    """Put a group's messages into the outbox; returns whether there were any."""
    try:
        targets = list(targets_of(outbox, group))
        for target in targets:
            for row in target.plan.stale:
                outbox.skip(row, "superseded by what happened since")
        speaking = [target for target in targets if target.plan.message]
        contents = [content_of(target) for target in speaking]
        is_told_anew = any(
            not target.plan.edits and state_of(target.incident).state != "resolved"
            for target in speaking
        )
        # Recorded first: after a crash it is still known that a follow-up is needed.
        if is_told_anew and not _record_sent(incidents, group):
            return True  # changed meanwhile: handled in the next round
        for target, content in zip(speaking, contents, strict=True):
            outbox.store(entry_of(target, content))
        return bool(speaking)
    except SignalRoomError as error:
        whose = ", ".join(dict.fromkeys(addressee(one.client_id) for one in group))
        failures.append(f"alert {whose}, {group[0].title}: {error}")
        for one in group:
            incidents.record_sent(one, clock.now() + NOT_NOW, one.told_at)
        return False


def _record_sent(incidents: Incidents, group: Sequence[Incident]) -> bool:
    """Record that its incidents were sent; False if one of them changed meanwhile."""
    now = clock.now()
    return all(incidents.record_sent(one, one.due_at, now) for one in group if not one.is_silent)


def _put_off(incidents: Incidents, outbox: Outbox, group: Sequence[Incident]) -> None:
    """Record when a group next has something to send."""
    try:
        plans = [target.plan for target in targets_of(outbox, group)]
    except SignalRoomError:
        return
    if any(one.message for one in plans):
        return
    later = min((one.later for one in plans if one.later), default=None)
    for one in group:
        incidents.record_sent(one, later, one.told_at)


def _off(group: Sequence[Incident]) -> dict[tuple[str, str], Delivery]:
    """Channels that would be used but are not set up, to be reported once."""
    found = {}
    for incident in group:
        client_id = addressee(incident.client_id)
        try:
            for channel in channels_of(incident):
                if missing := missing_variable(channel, client_id):
                    said = f"{missing} is not set"
                    found[client_id, channel] = Delivery(channel, "", "off", said, NAME, client_id)
        except SignalRoomError:
            return {}  # logged with the messages
    return found


def _report(incidents: Incidents, entry: Entry) -> bool:
    """Open or resolve the trouble of an unreachable report recipient; True if opened."""
    channel = CHANNELS[entry.channel].NAME
    trouble = troubles.delivery_failed(
        entry.client_id, channel, entry.recipient, entry.report, entry.reason or "It was refused"
    )
    if entry.status == "sent":
        incidents.settle(trouble.kind, trouble.client_id, trouble.subject)
    if entry.status == "dead":
        incidents.report(trouble)
    return entry.status == "dead"
