"""Delivery: rendered reports to their recipients, exactly once as far as each channel allows.

Messages are stored, then sent; what a channel leaves open is looked up before anything is
repeated. Recipients do not wait for each other: whoever must be asked again later is, after the
others have had their turn.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType

from reports.channels import email, slack, sms
from reports.channels.outcome import Ambiguous, Later, Outcome, Refused
from reports.compose import Rendered
from reports.outbox import OPEN, Entry, Outbox, hashed
from signalroom import clock
from signalroom.masking import mask
from signalroom.settings import require, variable

CHANNELS: dict[str, ModuleType] = {"slack": slack, "email": email, "sms": sms}
STATUSES = {
    "sent": "delivered",
    "already": "delivered before, not sent again",
    "pending": "not delivered yet, will be tried again",
    "unknown": "may have arrived, look before sending it again with --again",
    "dead": "not delivered",
    "skipped": "skipped",
    "off": "off",
}
TRIES = 3
VALID_FOR = timedelta(hours=12)  # a daily report older than this is not sent late at night
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """What became of one message.

    `status`: `sent` (now), `already` (before), `pending` (not accepted yet, will be tried again),
    `unknown` (may have arrived), `dead` (refused), `skipped`, `off` (channel not configured).
    """

    channel: str
    recipient: str
    status: str
    detail: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether somebody who should have the message may lack it."""
        return self.status in ("pending", "unknown", "dead")

    def summary(self) -> str:
        """One line for people."""
        whom = " to ".join(part for part in (CHANNELS[self.channel].NAME, self.recipient) if part)
        return f"{whom}: {STATUSES[self.status]}{f' ({self.detail})' if self.detail else ''}"


def deliver(rendered: Rendered, again: bool = False) -> list[Delivery]:
    """Send a report to every recipient of its channels; what was delivered before is left alone.

    `again` sends once more. A failing channel or recipient is reported in its Delivery and does
    not hold the others; nothing is raised for it.
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
        return done + _work_off(outbox, waiting)


def deliver_pending() -> list[Delivery]:
    """Send what earlier runs left open; what has become too old to be of use is skipped."""
    too_old = clock.instant() - VALID_FOR
    with Outbox() as outbox:
        skipped = [_delivery(entry) for entry in outbox.skip_older(too_old)]
        waiting = [entry for entry in outbox.open_entries() if entry.created_at >= too_old]
        return skipped + _work_off(outbox, waiting)


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
    """The row to work off, or why there is nothing to do."""
    earlier = outbox.entries(rendered.report, rendered.client_id, rendered.day, channel, recipient)
    same = [entry for entry in earlier if entry.edition == rendered.edition]
    newest = same[-1] if same else None
    told = json.dumps(rendered.told)
    if not again:
        enough = ("complete",) if rendered.edition == "complete" else ("complete", "incomplete")
        if any(entry.status == "sent" and entry.edition in enough for entry in earlier):
            return Delivery(channel, recipient, "already")
        if newest is not None and newest.status in OPEN:
            return newest
    number = 1 if newest is None else newest.number + (newest.status != "dead")
    key = _key(rendered, channel, recipient, number)
    payload = CHANNELS[channel].payload(rendered.client_id, recipient, key, content)
    text = json.dumps(payload, ensure_ascii=False)
    for entry in earlier:
        if entry.status == "pending":
            outbox.settle(entry.dedupe_key, "skipped", reason="overtaken by a newer message")
    if newest is not None and newest.status == "dead":
        return outbox.replace_payload(newest, text, told)
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
            told=told,
            status="pending",
            attempts=0,
            provider_id=None,
            reason=None,
            created_at=clock.instant(),
            next_at=None,
            sent_at=None,
        )
    )


def _key(rendered: Rendered, channel: str, recipient: str, number: int) -> str:
    """What makes a message the same message; readable, ASCII, short."""
    about = [rendered.report, rendered.client_id, rendered.day.isoformat(), rendered.edition]
    digest = hashed(json.dumps([*about, channel, recipient, number]))[:20]
    return f"{rendered.report}:{rendered.client_id}:{rendered.day.isoformat()}:{channel}:{digest}"


def _work_off(outbox: Outbox, waiting: Sequence[Entry]) -> list[Delivery]:
    """Give each message its turns, whoever is due first; nobody waits for another's pause.

    All pauses together last no longer than one request may wait. What was not due to begin with,
    because it was put off or another process has it, is left alone.
    """
    give_up_at = time.monotonic() + float(require("SIGNALROOM_HTTP_MAX_WAIT_S"))
    latest = {entry.dedupe_key: entry for entry in waiting}
    queue = [(entry, TRIES - 1) for entry in waiting if _seconds_left(entry) <= 0]
    while queue:
        queue.sort(key=lambda turn: _seconds_left(turn[0]))
        entry, tries_left = queue.pop(0)
        time.sleep(max(0.0, _seconds_left(entry)))
        after = _attempt(outbox, entry)
        latest[entry.dedupe_key] = after or outbox.entry(entry.dedupe_key)
        if after and tries_left and _is_worth_waiting(after, give_up_at):
            queue.append((after, tries_left - 1))
    return [_delivery(entry) for entry in latest.values()]


def _seconds_left(entry: Entry) -> float:
    """Seconds until a message may be tried; 0 when it may be now."""
    if entry.next_at is None:
        return 0.0
    return max(0.0, (entry.next_at - clock.instant()).total_seconds())


def _is_worth_waiting(entry: Entry, give_up_at: float) -> bool:
    if entry.status not in OPEN:
        return False
    if entry.status == "unknown" and not CHANNELS[entry.channel].RESENDS_UNKNOWN:
        return False
    return time.monotonic() + _seconds_left(entry) <= give_up_at


def _attempt(outbox: Outbox, entry: Entry) -> Entry | None:
    """One turn of one message: look for it where an attempt was left open, then send.

    None when another process has it or has settled it.
    """
    if not outbox.claim(entry):
        return None
    channel = CHANNELS[entry.channel]
    key = entry.dedupe_key
    try:
        if entry.status == "unknown":
            known = outbox.provider_ids(entry.channel, entry.recipient)
            arrived = channel.find(entry, known)
            if arrived is not None:
                return outbox.settle(key, "sent", provider_id=arrived, reason="found at provider")
            if not channel.RESENDS_UNKNOWN:
                return outbox.settle(key, "unknown", reason=entry.reason, wait_s=60.0)
        provider_id = channel.send(entry)
        return outbox.settle(key, "sent", provider_id=provider_id)
    except Refused as refusal:
        status = "dead"
        failure: Outcome = refusal
        wait_s = 0.0
    except Later as later:
        # A lookup that has to wait says nothing of the attempt before it.
        status = entry.status
        failure, wait_s = later, later.wait_s
    except Ambiguous as silence:
        status, failure, wait_s = "unknown", silence, 1.0
    reason = mask(f"{channel.NAME} {failure}")
    log.warning("%s to %s: %s", entry.report, entry.recipient, reason)
    return outbox.settle(key, status, reason=reason, wait_s=wait_s)


def _delivery(entry: Entry) -> Delivery:
    return Delivery(entry.channel, entry.recipient, entry.status, entry.reason or "")
