"""What a recipient still has to be sent about an incident, given the incident and the outbox.

Nothing is written or sent here. A Slack message is edited, email and SMS get one short follow-up
when a critical incident is resolved; one that was never sent is resolved silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reports.alerts.incidents import CALM, Incident
from reports.delivery.channels.http import parse
from reports.delivery.outbox import OPEN, Entry
from signalroom import clock


@dataclass(frozen=True)
class State:
    """The state in which an incident was sent: `open`, `resolved` or `said` (a notice)."""

    state: str
    rounds: int
    count: int


@dataclass(frozen=True)
class Plan:
    """What to do for one recipient.

    `stale` are messages to drop, because they are outdated. `message` is whether to create a
    message, and `edits` the timestamp of the one that it replaces. `later` is when to check again
    (UTC, business time), if nothing happens until then.
    """

    stale: tuple[Entry, ...] = ()
    message: bool = False
    edits: str | None = None
    later: datetime | None = None


def state_of(incident: Incident) -> State:
    """The state in which an incident is to be sent now."""
    state = "open" if incident.is_open else "resolved"
    return State("said" if incident.is_notice else state, incident.rounds, incident.count)


def edition(incident: Incident) -> str:
    """The same, as stored in the outbox."""
    now = state_of(incident)
    return f"{incident.incident_id} {now.state} {now.rounds} {now.count}"


def sent_state(entry: Entry) -> State:
    """The state in which a row of the outbox sent its incident."""
    _, state, rounds, count = entry.edition.split()
    return State(state, int(rounds), int(count))


def plan(
    incident: Incident,
    channel: str,
    rows: Sequence[Entry],
    held_until: datetime | None,
    now: datetime,
) -> Plan:
    """What one recipient still has to be sent; `rows` are all its earlier messages, oldest first.

    `held_until` is the end of the quiet hours, if they hold back new messages of its severity.
    """
    wanted = state_of(incident)
    waiting = [row for row in rows if row.status == "pending"]
    stale = tuple(row for row in waiting if sent_state(row).state != wanted.state)
    if len(stale) < len(waiting):
        return Plan(stale, later=_settled(waiting, now) if channel == "slack" else None)
    arrived = [row for row in rows if row.status in ("sent", "unknown")]
    refused = _refused_since(rows, wanted)
    if not arrived:
        is_news = wanted.state != "resolved" and not refused
        return _new(stale, held_until) if is_news else Plan(stale)
    if channel == "slack":
        return _edit(wanted, arrived, refused, stale, held_until, now)
    return _follow_up(
        incident, sent_state(arrived[-1]).state, bool(refused), stale, held_until, now
    )


def _edit(
    wanted: State,
    arrived: Sequence[Entry],
    refused: Sequence[Entry],
    stale: tuple[Entry, ...],
    held_until: datetime | None,
    now: datetime,
) -> Plan:
    last = sent_state(arrived[-1])
    is_refresh = (last.state, last.rounds) == (wanted.state, wanted.rounds)
    if wanted.state == "said" or (is_refresh and (wanted.state != "open" or last == wanted)):
        return Plan(stale)
    if arrived[-1].status == "unknown":
        return Plan(stale, later=_settled(arrived[-1:], now))
    if refused:
        # The message is gone, or too old to be edited: send one new message if there is news.
        gone_too = any(not _is_edit(row) for row in refused)
        return Plan(stale) if is_refresh or gone_too else _new(stale, held_until)
    edits = next(row.provider_id for row in reversed(arrived) if not _is_edit(row))
    return Plan(stale, message=True, edits=edits)


def _follow_up(
    incident: Incident,
    sent: str,
    is_refused: bool,
    stale: tuple[Entry, ...],
    held_until: datetime | None,
    now: datetime,
) -> Plan:
    state = state_of(incident).state
    if state == sent or is_refused or state == "said":
        return Plan(stale)
    if state == "resolved":
        return _new(stale, held_until) if incident.severity == "critical" else Plan(stale)
    # It was reported as resolved but recurred: send again once some time has passed.
    again_at = (incident.told_at or now) + CALM
    return _new(stale, held_until) if again_at <= now else Plan(stale, later=again_at)


def _new(stale: tuple[Entry, ...], held_until: datetime | None) -> Plan:
    if held_until is not None:
        return Plan(stale, later=held_until)
    return Plan(stale, message=True)


def _is_edit(entry: Entry) -> bool:
    return "ts" in parse(entry.payload)


def _refused_since(rows: Sequence[Entry], wanted: State) -> list[Entry]:
    """Rejected messages of the same news since the last delivered one."""
    refused: list[Entry] = []
    for row in rows:
        sent = sent_state(row)
        if row.status in ("sent", "unknown"):
            refused.clear()
        elif row.status == "dead" and (sent.state, sent.rounds) == (wanted.state, wanted.rounds):
            refused.append(row)
    return refused


def _settled(rows: Sequence[Entry], now: datetime) -> datetime:
    """When the first of these rows may be resolved; attempts use the real clock."""
    waits = [row.next_at - clock.instant() for row in rows if row.next_at and row.status in OPEN]
    return now + max(min(waits, default=timedelta()), timedelta(seconds=1))
