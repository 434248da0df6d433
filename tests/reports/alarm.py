"""Incidents on a manually set clock, and the three vendors that receive the alerts."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from reports.alerts import deliver as alerting
from reports.alerts.incidents import Trouble, report_trouble, settle_trouble
from reports.delivery.deliver import Delivery
from reports.delivery.outbox import TABLE, Entry, Outbox
from sandbox import Agency
from sandbox.stage import Message
from signalroom import clock

START = datetime.fromisoformat("2026-11-19T09:30:00-05:00")
KEY = ("step_failed", "713", "ingest:everflow")
WORDS = {
    "title": "Everflow could not be loaded",
    "detail": "It answered 500 five times. The tables keep their rows.",
    "repair": "Nothing: the next hourly pull tries again.",
}
SLACK = ("slack", "C0ALERTS713")
EMAILS = {("resend", "owner@example.org"), ("resend", "media@example.org")}
PHONES = {("twilio", "+12025550121"), ("twilio", "+12025550122")}
EVERYONE = {SLACK} | EMAILS | PHONES


def trouble(severity: str = "critical", **change: Any) -> Trouble:
    named = dict(zip(("kind", "client_id", "subject"), KEY, strict=True))
    return Trouble(**{**named, **WORDS, "severity": severity, **change})


class Alarm:
    """The actions of someone who monitors the agency's data."""

    def __init__(self, agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
        self.agency, self._monkeypatch = agency, monkeypatch
        for name, value in agency.environment().items():
            monkeypatch.setenv(name, value)
        for suffix in ("", "__CTI"):  # several people for each client
            monkeypatch.setenv(f"ALERT_EMAILS{suffix}", os.environ[f"RESEND_TO_EMAILS{suffix}"])
            monkeypatch.setenv(f"ALERT_NUMBERS{suffix}", os.environ[f"TWILIO_TO_NUMBERS{suffix}"])
        self.at()

    def at(self, time: str | None = None, **after: float) -> Alarm:
        """Set business time: to a moment, or this long after the start."""
        moment = START + timedelta(**after)
        if time:
            moment = datetime.fromisoformat(time).replace(tzinfo=clock.zone())
        self._monkeypatch.setenv("SIGNALROOM_NOW", moment.isoformat())
        return self

    def setenv(self, name: str, value: str) -> None:
        """Set a variable for this test."""
        self._monkeypatch.setenv(name, value)

    def report(self, severity: str = "critical", **change: Any) -> Alarm:
        report_trouble(trouble(severity, **change))
        return self

    def settle(self, *key: str) -> Alarm:
        settle_trouble(*(key or KEY))
        return self

    def deliver(self) -> dict[tuple[str, str], str]:
        """Send what is due; returns the status of each message."""
        sent = alerting.deliver_due()
        assert sent.failures == []
        return statuses(sent.deliveries)

    def received(self) -> Counter[tuple[str, str]]:
        """The number of messages each recipient has received."""
        return Counter(
            (message.channel, to) for message in self.agency.messages for to in message.recipients
        )

    def slack(self) -> list[Message]:
        return [message for message in self.agency.messages if message.channel == "slack"]

    def first(self, channel: str) -> list[Message]:
        """The messages of a channel's first recipient, in order."""
        found = [message for message in self.agency.messages if message.channel == channel]
        return [message for message in found if message.recipients == found[0].recipients]

    def fault(self, channel: str, kind: Any, times: int = 1, **more: Any) -> None:
        """Plan a fault of the call that sends a message."""
        path = {"slack": "chat.", "resend": "POST /emails", "twilio": "POST"}[channel]
        self.agency.faults.plan(channel, kind, times, **{"match": path, **more})

    def rows(self) -> list[Entry]:
        """The outbox, oldest first."""
        with Outbox() as outbox:
            return outbox._select(TABLE.c.report == "alert")

    def wait_out(self) -> None:
        """Make the outbox's pauses, and a dead process's lease, expire."""
        with Outbox() as outbox:
            for entry in self.rows():
                if entry.next_at is not None:
                    outbox._update(entry.dedupe_key, next_at=clock.instant())

    def die_while_sending(self) -> None:
        """The state left by a process that is killed after sending and before recording it."""
        with Outbox() as outbox:
            for entry in self.rows():
                outbox._update(
                    entry.dedupe_key,
                    status="unknown",
                    provider_id=None,
                    sent_at=None,
                    next_at=clock.instant(),
                )


def statuses(deliveries: list[Delivery]) -> dict[tuple[str, str], str]:
    return {(one.channel, one.recipient): one.status for one in deliveries}
