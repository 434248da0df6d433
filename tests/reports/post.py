"""The daily report of the worked example, and the three vendors to send it to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from reports import Rendered, compose
from reports.delivery import outbox
from reports.delivery.deliver import Delivery
from reports.delivery.outbox import Outbox
from sandbox import Agency
from signalroom import clock
from tests.reports.world import DAY, Day, Marts

EVERYONE = {
    ("slack", "C0REPORTS713"),
    ("email", "owner@example.org"),
    ("email", "media@example.org"),
    ("sms", "+12025550121"),
    ("sms", "+12025550122"),
}
VENDOR = {"slack": "slack", "email": "resend", "sms": "twilio"}


class Post:
    """The report of the worked example, and the three vendors to send it to."""

    def __init__(self, agency: Agency, marts: Marts) -> None:
        self.agency, self.marts = agency, marts
        marts.load(Day())
        self.rendered = compose("daily_ccw", "713", DAY)

    def only(self, channel: str) -> Rendered:
        """The report for one channel."""
        return replace(self.rendered, messages={channel: self.rendered.messages[channel]})

    def received(self) -> Counter[tuple[str, str]]:
        """How many times each recipient has received the report."""
        names = {vendor: channel for channel, vendor in VENDOR.items()}
        return Counter(
            (names[message.channel], to)
            for message in self.agency.messages
            for to in message.recipients
        )


def statuses(deliveries: list[Delivery]) -> dict[tuple[str, str], str]:
    return {(one.channel, one.recipient): one.status for one in deliveries}


def rows() -> list[outbox.Entry]:
    with Outbox() as box:
        return [
            entry
            for channel, recipient in EVERYONE
            for entry in box.entries("daily_ccw", "713", DAY, channel, recipient)
        ]


def died_while_sending() -> None:
    """The state left by a process that is killed after sending and before recording it."""
    with Outbox() as box:
        for entry in rows():
            box._update(
                entry.dedupe_key,
                status="unknown",
                provider_id=None,
                sent_at=None,
                next_at=clock.instant() - timedelta(seconds=1),
            )
