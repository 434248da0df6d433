"""The basis of every vendor: the world, the clocks, the caps, and the messages received."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.clock import Calendar, LimitClock
from sandbox.limits import Caps
from sandbox.quirks import Quirks
from sandbox.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True)
class Message:
    """A message accepted by a messaging vendor.

    `channel` is "slack", "resend" or "twilio"; `key` is the caller's idempotency or metadata key
    where the vendor has one; `payload` is the request as the vendor read it.
    """

    channel: str
    client: str
    message_id: str
    recipients: tuple[str, ...]
    text: str
    payload: Mapping[str, Any]
    key: str | None
    at: datetime
    attachments: tuple[tuple[str, bytes], ...] = ()


class Mailbox:
    """Messages in order of arrival; an edited message keeps its place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: list[Message] = []

    def add(self, message: Message) -> None:
        with self._lock:
            self._messages.append(message)

    def replace(self, message: Message) -> None:
        with self._lock:
            for place, known in enumerate(self._messages):
                if (known.channel, known.message_id) == (message.channel, message.message_id):
                    self._messages[place] = message

    def remove(self, message: Message) -> None:
        with self._lock:
            self._messages.remove(message)

    def all(self, channel: str | None = None) -> list[Message]:
        with self._lock:
            return [row for row in self._messages if channel in (None, row.channel)]


@dataclass(frozen=True)
class Stage:
    world: World
    calendar: Calendar
    limit_clock: LimitClock
    caps: Caps = field(default_factory=Caps)
    mailbox: Mailbox = field(default_factory=Mailbox)

    @property
    def quirks(self) -> Quirks:
        return self.world.quirks

    def now(self) -> int:
        return self.calendar.epoch()

    def moment(self) -> datetime:
        return self.calendar.now().astimezone(UTC)


class Vendor(Protocol):
    """One simulated vendor; `Agency` starts each on its own port."""

    name: str

    def app(self, base_url: str) -> "WSGIApplication": ...

    def environment(self, base_url: str) -> dict[str, str]:
        """Variables that point SignalRoom here, for every client."""
        ...

    def close(self) -> None: ...


def per_client(name: str, values: Mapping[str, str]) -> dict[str, str]:
    """`NAME` for client 713, `NAME__CTI` for client cti."""
    return {
        name if client == "713" else f"{name}__{client.upper()}": value
        for client, value in values.items()
    }
