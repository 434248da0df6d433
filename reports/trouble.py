"""Troubles and incidents: what somebody reports, and what is remembered of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SEVERITIES = ("critical", "warning", "notice")  # the worst first
ALL_CLIENTS = "*"
NOTICE = "notice"  # the kind of what is said once and has no end


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong. `client_id` is `*` for all; `repair` says what to do now."""

    kind: str
    client_id: str
    subject: str
    severity: str
    title: str
    detail: str
    repair: str


@dataclass(frozen=True)
class Incident:
    """A trouble's history; instants in UTC.

    `count` is how often it was reported, `rounds` how often it began. `told_at` is when the last
    new message about it was made, `due_at` when it has something to say (None: nothing),
    `channels` where a notice goes (None: as reports/alerts.yml says).
    """

    incident_id: str
    kind: str
    client_id: str
    subject: str
    severity: str
    title: str
    detail: str
    repair: str
    channels: tuple[str, ...] | None
    opened_at: datetime
    last_at: datetime
    count: int
    rounds: int
    settled_at: datetime | None
    told_at: datetime | None
    due_at: datetime | None
    version: int

    @property
    def is_open(self) -> bool:
        """Whether it still lasts; a notice is said once and never lasts."""
        return self.settled_at is None

    @property
    def is_notice(self) -> bool:
        """Whether it is a one-off message."""
        return self.kind == NOTICE
