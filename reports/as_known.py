"""A report of a day as it was sent, and as it would be with what was known at an instant.

The message as sent comes from the outbox, byte for byte; the others are composed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from reports.compose import context_of, messages_of, read_rows
from reports.delivery.outbox import Outbox
from reports.model import Content, Figure, Report
from reports.preview.stage import stage
from signalroom import clock
from signalroom.clients import Client
from signalroom.retention import NO_PAYLOAD


@dataclass(frozen=True)
class Sent:
    """A delivered message; `payload` is the JSON text sent to its channel, if kept."""

    channel: str
    edition: str
    sent_at: datetime
    payload: str | None


@dataclass(frozen=True)
class Version:
    """A report at an instant: messages by channel, figures, and the headline."""

    messages: Mapping[str, Content]
    figures: tuple[Figure, ...]
    headline: str


@dataclass(frozen=True)
class Difference:
    """A figure that has changed; None where it was, or is, not given."""

    metric: str
    keys: Mapping[str, str]
    then: Decimal | None
    now: Decimal | None


def sent(report: Report, client: Client, day: date, at: datetime) -> list[Sent]:
    """The newest message of each channel that had been delivered by then."""
    with Outbox() as outbox:
        found = outbox.delivered(report.name, client.id, report.last_day(day), at)
    newest = {entry.channel: entry for entry in found}
    return [
        Sent(
            entry.channel,
            entry.edition,
            entry.reported_at or entry.sent_at or at,
            None if entry.payload == NO_PAYLOAD else entry.payload,
        )
        for entry in newest.values()
    ]


def version_at(
    report: Report, client: Client, day: date, at: datetime, home: Path | None = None
) -> Version:
    """The report from the marts of `home` at an instant; without one, from the warehouse.

    What recipients had been sent by then counts as reported.
    """
    with Outbox() as outbox:
        history = outbox.last_reports(report.name, client.id, until=at)
    if home is None:
        return _composed(report, client, day, history)
    with stage(home, at.astimezone(clock.zone()).isoformat()):
        return _composed(report, client, day, history)


def _composed(report: Report, client: Client, day: date, history: Any) -> Version:
    context = context_of(report, client, day, read_rows(report, client, day), history)
    messages = messages_of(report, client, day, context, report.channels)
    return Version(messages, tuple(context.figures), context.headline)


def differences(then: Sequence[Figure], now: Sequence[Figure]) -> list[Difference]:
    """The figures that differ, in the order of the current message."""

    def by_key(figures: Sequence[Figure]) -> dict[tuple[str, frozenset[Any]], Figure]:
        return {(one.metric, frozenset(one.keys.items())): one for one in figures}

    before, after = by_key(then), by_key(now)
    found = []
    for key in dict.fromkeys([*after, *before]):
        old, new = (
            None if one is None else Decimal(one.value) for one in (before.get(key), after.get(key))
        )
        if old != new:
            found.append(Difference(key[0], dict(sorted(key[1])), old, new))
    return found
