"""Delivery: rendered reports to their recipients, and the outcome of each message."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType

from reports.delivery.attempts import CHANNELS, seconds_left, work_off
from reports.delivery.outbox import OPEN, Entry, Outbox, hashed
from reports.model import Rendered
from reports.registry import reports
from signalroom import clock
from signalroom.settings import variable
from signalroom.times import moment

STATUSES = {
    "sent": "delivered",
    "already": "delivered before, not sent again",
    "pending": "not delivered yet, will be tried again",
    "unknown": "delivery unconfirmed: it may have arrived; check before re-sending with --again",
    "dead": "not delivered",
    "busy": "is being sent by another process",
    "skipped": "skipped",
    "off": "off",
}
# How long a pending message is still useful: a daily report is not sent late at night.
VALID_FOR = {
    "daily": timedelta(hours=12),
    "weekly": timedelta(hours=60),
    "event": timedelta(hours=24),
}
NEVER = timedelta(days=36_500)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """The outcome of one message.

    `status`: `sent` (now), `already` (before), `pending` (not accepted yet, will be tried again),
    `unknown` (may have arrived), `dead` (refused), `busy` (another process has it), `skipped`,
    `off` (channel not configured). `next_at` is when another attempt is due (UTC, real clock).
    """

    channel: str
    recipient: str
    status: str
    detail: str = ""
    report: str = ""
    client_id: str = ""
    next_at: datetime | None = None

    @property
    def is_failure(self) -> bool:
        """Whether a recipient may be missing the message."""
        return self.status in ("pending", "unknown", "dead")

    def summary(self) -> str:
        """One line for display."""
        whom = " to ".join(part for part in (CHANNELS[self.channel].NAME, self.recipient) if part)
        # set if every vendor is the simulated agency: nothing reached a person
        made_up = " (simulated)" if os.environ.get("SIGNALROOM_SANDBOX") else ""
        return (
            f"{whom}: {STATUSES[self.status]}{f' ({self.detail})' if self.detail else ''}{made_up}"
        )


def deliver(rendered: Rendered, again: bool = False) -> list[Delivery]:
    """Send a report to every recipient of its channels; delivered messages are not sent again.

    `again` sends once more. A failing channel or recipient is reported in its Delivery and does not
    hold up the others; nothing is raised for it.
    """
    done: list[Delivery] = []
    waiting: list[Entry] = []
    with Outbox() as outbox:
        for name, content in rendered.messages.items():
            channel = CHANNELS[name]
            unset = [one for one in channel.REQUIRED if not variable(one, rendered.client_id)]
            if unset:
                done.append(Delivery(name, "", "off", f"{unset[0]} is not set"))
                log.info("%s", done[-1].summary())
                continue
            for recipient in _recipients(channel, rendered.client_id):
                found = _enqueue(outbox, rendered, name, recipient, content, again)
                if isinstance(found, Delivery):
                    done.append(found)
                else:
                    waiting.append(found)
        return done + [delivery_of(entry) for entry in work_off(outbox, waiting)]


def send_open(
    outbox: Outbox,
    is_wanted: Callable[[Entry], bool] = lambda _: True,
    patience_s: float | None = None,
) -> list[Entry]:
    """Send open messages of earlier runs that are due and allowed; old ones are skipped."""
    due, skipped = [], []
    for entry in filter(is_wanted, outbox.open_entries()):
        is_due = seconds_left(entry) <= 0
        if clock.instant() - entry.created_at < validity(entry.report):
            due += [entry] if is_due else []
        elif entry.status == "pending":
            reason = f"too old to be useful: made {moment(entry.created_at)}"
            skipped.append(outbox.settle(entry.dedupe_key, "skipped", reason=reason))
        elif is_due:
            reason = f"{entry.reason or 'no answer'}; too old to be tried again"
            wait_s = NEVER.total_seconds()
            outbox.settle(entry.dedupe_key, "unknown", reason=reason, wait_s=wait_s)
    return skipped + work_off(outbox, due, patience_s)


def validity(report: str) -> timedelta:
    """How long a message of a report is worth sending after it was made."""
    known = reports().get(report)
    return VALID_FOR[known.period if known else "daily"]


def _recipients(channel: ModuleType, client_id: str) -> list[str]:
    names = (variable(channel.RECIPIENTS, client_id) or "").split(",")
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


def _enqueue(
    outbox: Outbox,
    rendered: Rendered,
    channel: str,
    recipient: str,
    content: dict[str, object],
    again: bool,
) -> Entry | Delivery:
    """The row to process, or why there is nothing to do."""
    earlier = outbox.entries(rendered.report, rendered.client_id, rendered.day, channel, recipient)
    same = [entry for entry in earlier if entry.edition == rendered.edition]
    newest = same[-1] if same else None
    reported = json.dumps(rendered.reported)
    if not again:
        enough = ("complete",) if rendered.edition == "complete" else ("complete", "incomplete")
        if any(entry.status == "sent" and entry.edition in enough for entry in earlier):
            return Delivery(channel, recipient, "already")
        if newest is not None and newest.status in OPEN:
            return newest
    number = 1 if newest is None else newest.number + (newest.status != "dead")
    is_dead = newest is not None and newest.status == "dead"
    key = newest.dedupe_key if newest and is_dead else _key(rendered, channel, recipient, number)
    payload = CHANNELS[channel].payload(rendered.client_id, recipient, key, content)
    text = json.dumps(payload, ensure_ascii=False)
    for entry in earlier:
        if entry.status == "pending":
            outbox.skip(entry, "superseded by a newer message")
    if newest and is_dead:
        return outbox.replace_payload(newest, text, reported, rendered.figures, rendered.as_of)
    return outbox.store(
        Entry(
            dedupe_key=key,
            report=rendered.report,
            client_id=rendered.client_id,
            period=rendered.day,
            edition=rendered.edition,
            number=number,
            channel=channel,
            recipient=recipient,
            payload=text,
            payload_hash=hashed(text),
            told=reported,
            created_at=clock.instant(),
        ),
        rendered.figures,
        rendered.as_of,
    )


def _key(rendered: Rendered, channel: str, recipient: str, number: int) -> str:
    """The identity of a message; readable, ASCII, short."""
    about = [rendered.report, rendered.client_id, rendered.day.isoformat(), rendered.edition]
    digest = hashed(json.dumps([*about, channel, recipient, number]))[:20]
    return f"{rendered.report}:{rendered.client_id}:{rendered.day.isoformat()}:{channel}:{digest}"


def delivery_of(entry: Entry) -> Delivery:
    """The outcome of a message in the outbox."""
    reason = entry.reason or ""
    return Delivery(
        entry.channel,
        entry.recipient,
        entry.status,
        reason,
        entry.report,
        entry.client_id,
        entry.next_at,
    )
