"""Attempts: stored messages of the outbox are sent, exactly once as far as each channel allows.

An attempt with an unknown result is looked up before it is repeated. Recipients do not wait for
each other: a service that needs a retry gets it after the others have had their turn.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType

from reports.delivery.channels import email, slack, sms
from reports.delivery.channels.http import (
    Ambiguous,
    Later,
    NotOurs,
    Outcome,
    Refused,
    WasThere,
    one_attempt,
)
from reports.delivery.outbox import OPEN, Entry, Outbox
from signalroom import clock, outbox_memory, tracing
from signalroom.logs import mask
from signalroom.settings import number

CHANNELS: dict[str, ModuleType] = {"slack": slack, "email": email, "sms": sms}
TRIES = 3  # in a row; later ones wait longer each time
LONGEST_PAUSE_S = 900.0
log = logging.getLogger(__name__)


def work_off(
    outbox: Outbox, waiting: Sequence[Entry], patience_s: float | None = None
) -> list[Entry]:
    """Send the messages in the order they are due; none waits for another's pause.

    All pauses together last at most `patience_s`, by default as long as one request may wait. A
    message that was not due, because it was deferred or another process has it, is skipped; one
    that another process takes meanwhile is returned as `busy`.
    """
    longest = number("SIGNALROOM_HTTP_MAX_WAIT_S")
    give_up_at = time.monotonic() + min(longest, patience_s or longest)
    latest = {entry.dedupe_key: entry for entry in waiting}
    queue = [(entry, TRIES - 1) for entry in waiting if seconds_left(entry) <= 0]
    while queue:
        queue.sort(key=lambda turn: seconds_left(turn[0]))
        entry, tries_left = queue.pop(0)
        time.sleep(max(0.0, seconds_left(entry)))
        after = _attempt(outbox, entry)
        latest[entry.dedupe_key] = after or _taken(outbox, entry)
        if after and tries_left and _is_worth_waiting(after, give_up_at):
            queue.append((after, tries_left - 1))
    return list(latest.values())


def _taken(outbox: Outbox, entry: Entry) -> Entry:
    """A message that another process has, or has just finished."""
    found = outbox.entry(entry.dedupe_key)
    return replace(found, status="busy") if found.status in OPEN else found


def seconds_left(entry: Entry) -> float:
    """Seconds until a message may be tried; 0 when it may be now."""
    if entry.next_at is None:
        return 0.0
    return max(0.0, (entry.next_at - clock.instant()).total_seconds())


def _is_worth_waiting(entry: Entry, give_up_at: float) -> bool:
    if entry.status not in OPEN:
        return False
    if entry.status == "unknown" and not CHANNELS[entry.channel].RESENDS_UNKNOWN:
        return False
    return time.monotonic() + seconds_left(entry) <= give_up_at


def _attempt(outbox: Outbox, entry: Entry) -> Entry | None:
    """One attempt for one message: look it up if it may have arrived, then send.

    None if another process has it or has finished it.
    """
    claim = outbox.claim(entry)
    if claim is None:
        return None
    channel = CHANNELS[entry.channel]
    settle = partial(outbox.settle, entry.dedupe_key, claim=claim)

    def confirm() -> None:
        """Just before anything reaches people: check that the claim is ours, and renew it."""
        if not outbox.renew(entry.dedupe_key, claim):
            raise NotOurs("is being sent by another process")

    try:
        with tracing.span("delivery", channel=entry.channel, report=entry.report), one_attempt():
            is_first = _is_first(entry)
            is_lacking = is_first and _is_in_gap(outbox, entry)
            found = _look_up(outbox, entry, channel, is_first, is_lacking)
            if (found or is_lacking) and is_first and not channel.RESENDS_UNKNOWN:
                there = f" ({found} looks like it)" if found else ", before the outbox was restored"
                reason = f"it may have been sent already{there}; --again sends it once more"
                return settle("unknown", reason=reason, wait_s=LONGEST_PAUSE_S)
            if found:
                reason = outbox_memory.WAS_THERE if is_first else "found at provider"
                return settle("sent", provider_id=found, reason=reason)
            if entry.status == "unknown" and not channel.RESENDS_UNKNOWN:
                wait_s = max(60.0, _pause_s(entry))
                return settle("unknown", reason=entry.reason, wait_s=wait_s)
            return settle("sent", provider_id=channel.send(entry, confirm))
    except NotOurs:
        return None
    except WasThere:
        return settle("sent", reason=outbox_memory.WAS_THERE)
    except _Unseen as refusal:
        status, wait_s, failure = "unknown", LONGEST_PAUSE_S, refusal.outcome
    except Refused as refusal:
        status, wait_s, failure = "dead", 0.0, refusal
    except Later as later:
        # A rate-limited lookup does not change what is known about the attempt before it.
        status, wait_s, failure = entry.status, later.wait_s, later
    except Ambiguous as silence:
        status, wait_s, failure = "unknown", 1.0, silence
    reason = mask(f"{channel.NAME} {failure}")
    log.warning("%s to %s: %s", entry.report, entry.recipient, reason)
    return settle(status, reason=reason, wait_s=max(wait_s, _pause_s(entry)))


class _Unseen(Exception):  # noqa: N818 - an ending, like an Outcome
    """A message that may have arrived but cannot be looked up must not count as undelivered."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


def _is_first(entry: Entry) -> bool:
    """Whether this outbox has no attempt; it may be from a backup made before one.

    Not for an alert, whose incident would have another id, and so another key, after a restore; nor
    for a message that was explicitly sent again.
    """
    return entry.status != "unknown" and entry.report != "alert" and entry.number == 1


def _is_alone(outbox: Outbox, entry: Entry) -> bool:
    """Whether nothing about the same day was sent to that recipient before, as far as is known."""
    about = (entry.report, entry.client_id, entry.period, entry.channel, entry.recipient)
    return not any(
        one.dedupe_key != entry.dedupe_key and one.status in ("sent", "unknown")
        for one in outbox.entries(*about)
    )


def _is_in_gap(outbox: Outbox, entry: Entry) -> bool:
    """Whether a message belongs to a period that is missing in the outbox.

    Its day had ended when the last message unknown to the outbox was sent.
    """
    gap = outbox.gap()
    return bool(gap and entry.period < gap.told_until.astimezone(clock.zone()).date())


def _look_up(
    outbox: Outbox, entry: Entry, channel: ModuleType, is_first: bool, is_lacking: bool
) -> str | None:
    """The provider's id of the message, if it already exists; also before a first attempt.

    If it cannot be looked up it is sent, unless it may have arrived.
    """
    if entry.status != "unknown" and not is_first:
        return None
    known = outbox.provider_ids(entry.channel, entry.recipient)
    try:
        is_new = is_first and _is_alone(outbox, entry)
        found: str | None = channel.find(entry, known, is_new)
    except Refused as refusal:
        if entry.status == "unknown" or is_lacking:
            raise _Unseen(refusal) from refusal
        log.info("%s cannot be looked up before it is sent: %s", entry.report, mask(str(refusal)))
        return None
    except Ambiguous as silence:
        if entry.status == "unknown" or is_lacking:
            raise
        log.info("%s cannot be looked up before it is sent: %s", entry.report, mask(str(silence)))
        return None
    return found


def _pause_s(entry: Entry) -> float:
    """Seconds to wait after another failed attempt: none at first, then more."""
    in_vain = entry.attempts + 1 - TRIES
    return 0.0 if in_vain < 0 else min(LONGEST_PAUSE_S, 30.0 * 2.0 ** min(in_vain, 10))
