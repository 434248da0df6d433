"""The outbox: one row per report, client, period, edition, channel and recipient.

Rendered messages are stored first, and the stored bytes are sent. A row is `pending` (certainly not
accepted yet), `unknown` (an attempt began with an unknown result), `sent`, `dead` (rejected
permanently) or `skipped` (too late to be useful, or superseded by a newer edition).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from reports.model import Figure, LastReport
from signalroom import clock, outbox_memory
from signalroom.run_database import prepared_engine
from signalroom.tables import OUTBOX as TABLE
from signalroom.tables import REPORTED_FIGURES as FIGURES

# Longer than any attempt can last: after this time the process that claimed a row has died.
LEASE = timedelta(seconds=120)
OPEN = ("pending", "unknown")
REPORTED = (TABLE.c.reported_at, TABLE.c.sent_at)
REPORTED_AT = sa.func.coalesce(*REPORTED).label("reported_at")


@dataclass(frozen=True)
class Entry:
    """A row of the outbox. `payload` is the exact JSON text sent to the channel."""

    dedupe_key: str
    report: str
    client_id: str
    period: date
    edition: str
    number: int
    channel: str
    recipient: str
    payload: str
    payload_hash: str
    created_at: datetime
    told: str = "{}"
    status: str = "pending"
    attempts: int = 0
    provider_id: str | None = None
    reason: str | None = None
    next_at: datetime | None = None
    sent_at: datetime | None = None
    reported_at: datetime | None = None  # in business time

    @property
    def idempotency_key(self) -> str:
        """The key of a message to a recipient, at most 256 characters.

        Content that replaced a rejected one, or is sent again on request, has its own key.
        """
        if self.number == 1:
            return self.dedupe_key
        return f"{self.dedupe_key}:{self.payload_hash[:16]}"


@dataclass(frozen=True)
class Reported:
    """A figure of a delivered message; `sent_at` and `as_of` are business instants."""

    report: str
    channel: str
    recipient: str
    sent_at: datetime
    keys: Mapping[str, str]
    value: str
    as_of: datetime


class Outbox:
    """The outbox in the run database: PostgreSQL's schema ops, or SQLite next to DuckDB."""

    def __init__(self) -> None:
        self._engine = prepared_engine()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *failure: object) -> None:
        self._engine.dispose()

    def last_reports(
        self, report: str, client_id: str, until: datetime | None = None
    ) -> Mapping[date, LastReport]:
        """What was last reported, up to an instant, for each day of delivered messages."""
        query = (
            sa.select(TABLE.c.period, TABLE.c.edition, TABLE.c.told, REPORTED_AT)
            .where(
                TABLE.c.report == report,
                TABLE.c["_client_id"] == client_id,
                TABLE.c.status == "sent",
                *([] if until is None else [sa.func.coalesce(*REPORTED) <= until]),
            )
            .order_by(TABLE.c.sent_at)
        )
        found: dict[date, LastReport] = {}
        with self._engine.begin() as connection:
            for row in connection.execute(query):
                for iso_day, figures in json.loads(row.told).items():
                    day = date.fromisoformat(iso_day)
                    if day == row.period:
                        found[day] = LastReport(row.reported_at, row.edition, figures)
                    elif day in found:
                        # A later report mentioned this day as changed: that is the latest.
                        found[day] = LastReport(row.reported_at, found[day].edition, figures)
        return found

    def entries(
        self, report: str, client_id: str, period: date, channel: str, recipient: str
    ) -> list[Entry]:
        """All rows of one message to one recipient: editions and repetitions, oldest first."""
        return self._select(
            TABLE.c.report == report,
            TABLE.c["_client_id"] == client_id,
            TABLE.c.period == period,
            TABLE.c.channel == channel,
            TABLE.c.recipient == recipient,
        )

    def delivered(self, report: str, client_id: str, period: date, until: datetime) -> list[Entry]:
        """The messages of a report about a day that were delivered up to an instant."""
        found = self._select(
            TABLE.c.report == report,
            TABLE.c["_client_id"] == client_id,
            TABLE.c.period == period,
            TABLE.c.status == "sent",
            sa.func.coalesce(*REPORTED) <= until,
        )
        return sorted(found, key=lambda one: one.reported_at or one.sent_at or until)

    def about(self, report: str, subject: str, channel: str, recipient: str) -> list[Entry]:
        """All rows to one recipient whose edition begins with a prefix, oldest first."""
        return self._select(
            TABLE.c.report == report,
            TABLE.c.edition.startswith(f"{subject} ", autoescape=True),
            TABLE.c.channel == channel,
            TABLE.c.recipient == recipient,
        )

    def open_entries(self) -> list[Entry]:
        """Rows whose delivery is still open, oldest first."""
        return self._select(TABLE.c.status.in_(OPEN))

    def entry(self, key: str) -> Entry:
        """One row."""
        return self._select(TABLE.c.dedupe_key == key)[0]

    def store(
        self, entry: Entry, figures: Sequence[Figure] = (), as_of: datetime | None = None
    ) -> Entry:
        """Add a row and the figures of its message (as of `as_of`) together.

        If the same message already exists, it is returned unchanged.
        """
        values = {**vars(entry), "_client_id": entry.client_id}
        del values["client_id"]
        try:
            with self._engine.begin() as connection:
                connection.execute(TABLE.insert().values(values))
                _keep(connection, entry, figures, as_of)
        except IntegrityError:
            return self.entry(entry.dedupe_key)
        return entry

    def replace_payload(
        self,
        entry: Entry,
        payload: str,
        told: str,
        figures: Sequence[Figure] = (),
        as_of: datetime | None = None,
    ) -> Entry:
        """Give a rejected message, which the provider does not have, new content and figures."""
        statement = (
            TABLE.update()
            .where(TABLE.c.dedupe_key == entry.dedupe_key, TABLE.c.status == "dead")
            .values(
                payload=payload,
                payload_hash=hashed(payload),
                told=told,
                number=entry.number + 1,
                status="pending",
                next_at=None,
            )
        )
        with self._engine.begin() as connection:
            if connection.execute(statement).rowcount:
                connection.execute(FIGURES.delete().where(FIGURES.c.dedupe_key == entry.dedupe_key))
                _keep(connection, entry, figures, as_of)
        return self.entry(entry.dedupe_key)

    def reported(self, client_id: str, metric: str, keys: Mapping[str, str]) -> list[Reported]:
        """Figures of delivered messages with at least these keys, oldest first."""
        columns: list[Any] = [
            *(TABLE.c[name] for name in ("report", "channel", "recipient")),
            REPORTED_AT,
            *(FIGURES.c[name] for name in ("value", "keys", "as_of")),
        ]
        query = (
            sa.select(*columns)
            .join(FIGURES, FIGURES.c.dedupe_key == TABLE.c.dedupe_key)
            .where(
                FIGURES.c["_client_id"] == client_id,
                FIGURES.c.metric == metric,
                TABLE.c.status == "sent",
                # parse only the few that match
                *(
                    FIGURES.c["keys"].contains(_as_kept({name: key})[1:-1], autoescape=True)
                    for name, key in keys.items()
                ),
            )
            .order_by(TABLE.c.sent_at)
        )
        with self._engine.begin() as connection:
            rows = [(row, json.loads(row.keys)) for row in connection.execute(query)]
        return [
            Reported(
                row.report, row.channel, row.recipient, row.reported_at, found, row.value, row.as_of
            )
            for row, found in rows
            if keys.items() <= found.items()
        ]

    def claim(self, entry: Entry) -> int | None:
        """Claim a row for one attempt; its number, or None if another process has the row.

        From here until `settle` its state is unknown, as it is after a crash.
        """
        now = clock.instant()
        is_ours = self._update(
            entry.dedupe_key,
            TABLE.c.status == entry.status,
            TABLE.c.attempts == entry.attempts,
            sa.or_(TABLE.c.next_at.is_(None), TABLE.c.next_at <= now),
            status="unknown",
            attempts=entry.attempts + 1,
            next_at=now + LEASE,
        )
        return entry.attempts + 1 if is_ours else None

    def renew(self, key: str, claim: int) -> bool:
        """Renew the claim of a row for the full time; False if the claim is no longer ours."""
        now = clock.instant()
        ours = (TABLE.c.status == "unknown", TABLE.c.attempts == claim, TABLE.c.next_at > now)
        return self._update(key, *ours, next_at=now + LEASE)

    def settle(
        self,
        key: str,
        status: str,
        *,
        provider_id: str | None = None,
        reason: str | None = None,
        wait_s: float = 0.0,
        claim: int | None = None,
    ) -> Entry:
        """Record the result of an attempt; `wait_s` is the time before the next one.

        With an outdated `claim` nothing is written: the process that has the row now looks the
        message up itself.
        """
        now, business_now = clock.instant(), clock.now()
        ours = () if claim is None else (TABLE.c.status == "unknown", TABLE.c.attempts == claim)
        gap = self.gap() if status == "sent" else None
        is_settled = self._update(
            key,
            *ours,
            status=status,
            provider_id=provider_id,
            reason=reason,
            next_at=now + timedelta(seconds=wait_s) if status in OPEN else None,
            sent_at=now if status == "sent" else None,
            reported_at=business_now if status == "sent" else None,
        )
        if is_settled and status == "sent":
            outbox_memory.remember(now, business_now, gap)
        return self.entry(key)

    def gap(self) -> outbox_memory.Gap | None:
        """What is known to be missing in this outbox, for example after a restore from a backup."""
        with self._engine.begin() as connection:
            return outbox_memory.gap(connection)

    def skip(self, entry: Entry, reason: str) -> bool:
        """Drop a message that was certainly not delivered; False if it is being sent."""
        return self._update(
            entry.dedupe_key, TABLE.c.status == "pending", status="skipped", reason=reason
        )

    def provider_ids(self, channel: str, recipient: str) -> frozenset[str]:
        """The provider's ids of messages known to be delivered to a recipient."""
        query = sa.select(TABLE.c.provider_id).where(
            TABLE.c.channel == channel,
            TABLE.c.recipient == recipient,
            TABLE.c.provider_id.is_not(None),
        )
        with self._engine.begin() as connection:
            return frozenset(connection.execute(query).scalars())

    def _select(self, *conditions: sa.ColumnElement[bool]) -> list[Entry]:
        query = sa.select(TABLE).where(*conditions).order_by(TABLE.c.created_at, TABLE.c.number)
        with self._engine.begin() as connection:
            rows: Sequence[Any] = connection.execute(query).mappings().all()
        return [Entry(**{name.lstrip("_"): value for name, value in row.items()}) for row in rows]

    def _update(self, key: str, *conditions: sa.ColumnElement[bool], **values: object) -> bool:
        statement = TABLE.update().where(TABLE.c.dedupe_key == key, *conditions).values(**values)
        with self._engine.begin() as connection:
            return bool(connection.execute(statement).rowcount)


def _keep(
    connection: sa.Connection, entry: Entry, figures: Sequence[Figure], as_of: datetime | None
) -> None:
    if figures:
        rows = [
            {
                "dedupe_key": entry.dedupe_key,
                "position": position,
                "_client_id": entry.client_id,
                "metric": one.metric,
                "keys": _as_kept(one.keys),
                "value": one.text,
                "as_of": as_of or clock.now(),
            }
            for position, one in enumerate(figures)
        ]
        connection.execute(FIGURES.insert(), rows)


def _as_kept(keys: Mapping[str, str]) -> str:
    """A figure's keys as stored in the table."""
    return json.dumps(keys, sort_keys=True, ensure_ascii=False)


def hashed(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
