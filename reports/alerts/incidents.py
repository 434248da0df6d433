"""Incidents in the state database: opened, counted, reopened, settled; each change at once.

Times are business time (clock.now), of which the messages speak. A row carries a version: a change
that another process overtook is not made, and its caller looks again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from reports.incident_table import TABLE
from reports.messages.text import clean
from reports.state import prepared_engine
from reports.trouble import NOTICE, SEVERITIES, Incident, Trouble
from signalroom import clock
from signalroom.connections import first_line
from signalroom.errors import ReportError
from signalroom.masking import mask

# However often it comes and goes, at most one new message within this time.
CALM = timedelta(hours=6)
# How often a message that stands is brought up to date with the number of repeats.
REFRESH = timedelta(hours=1)
TITLE_LIMIT, TEXT_LIMIT = 200, 2000
TRIES = 5
Key = tuple[str, str, str]


class Incidents:
    """The incidents in the state database; use it as a context manager."""

    def __init__(self) -> None:
        self._engine = prepared_engine()

    def __enter__(self) -> Incidents:
        return self

    def __exit__(self, *failure: object) -> None:
        self._engine.dispose()

    def report(self, trouble: Trouble) -> None:
        """Open an incident, reopen the one of a while ago, or count a repeat."""
        if trouble.severity not in SEVERITIES:
            raise ReportError(
                f"An incident's severity is {trouble.severity!r}; use {', '.join(SEVERITIES)}."
            )
        key = _key(trouble.kind, trouble.client_id, trouble.subject)
        words = _words(trouble.title, trouble.detail, trouble.repair)
        for _ in range(TRIES):  # another process may open it, or settle it, in between
            newest = self._newest(key)
            now = clock.now()
            if newest is not None and newest.is_open:
                if self._repeat(newest, trouble.severity, words, now):
                    return
            elif newest is not None and now < (newest.told_at or newest.opened_at) + CALM:
                if self._reopen(newest, key, trouble.severity, words, now):
                    return
            elif self._insert(key, trouble.severity, now, **words):
                return

    def settle(self, kind: str, client_id: str, subject: str) -> None:
        """Close an incident; nothing happens when none is open."""
        for _ in range(TRIES):
            newest = self._newest(_key(kind, client_id, subject))
            if newest is None or not newest.is_open:
                return
            now = clock.now()
            # Nobody was told of it, so nobody needs to hear that it is over.
            due_at = None if newest.told_at is None else now
            if self._change(newest, settled_at=now, open_key=None, due_at=due_at):
                return

    def notice(self, client_id: str, title: str, detail: str, channels: Sequence[str]) -> None:
        """Put down a message that is said once."""
        now = clock.now()
        said = {"channels": json.dumps(list(channels)), "settled_at": now, "open_key": None}
        words = _words(title, detail, "")
        self._insert((NOTICE, client_id, uuid.uuid4().hex), "notice", now, **words, **said)

    def open(self) -> list[Incident]:
        """All that last, the worst and oldest first."""
        found = self._select(TABLE.c.settled_at.is_(None))
        return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.opened_at))

    def during(self, begin: datetime, end: datetime) -> list[Incident]:
        """All that lasted at some time between two instants, the worst and oldest first."""
        found = self._select(
            TABLE.c.kind != NOTICE,
            TABLE.c.opened_at < end,
            sa.or_(TABLE.c.settled_at.is_(None), TABLE.c.settled_at >= begin),
        )
        return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.opened_at))

    def due(self) -> list[Incident]:
        """Those with something to say, oldest first."""
        return self._select(TABLE.c.due_at <= clock.now())

    def told(self, incident: Incident, due_at: datetime | None, told_at: datetime | None) -> bool:
        """Write down that it was told and when it is due next; False when it changed meanwhile."""
        return self._change(incident, due_at=due_at, told_at=told_at)

    def _insert(self, key: Key, severity: str, now: datetime, **values: object) -> bool:
        kind, client_id, subject = key
        row = {
            "incident_id": uuid.uuid4().hex[:10],
            "kind": kind,
            "_client_id": client_id,
            "subject": subject,
            "severity": severity,
            "opened_at": now,
            "last_at": now,
            "count": 1,
            "rounds": 1,
            "due_at": now,
            "version": 1,
            "open_key": "\n".join(key),
            **values,
        }
        try:
            self._execute(TABLE.insert().values(row))
        except IntegrityError:
            return False  # another process was faster
        return True

    def _repeat(
        self, incident: Incident, severity: str, words: dict[str, Any], now: datetime
    ) -> bool:
        worst = min(severity, incident.severity, key=SEVERITIES.index)
        due_at = incident.due_at
        if worst != incident.severity:
            due_at = now
        elif due_at is None:
            due_at = max(now, (incident.told_at or now) + REFRESH)
        repeat = {"count": incident.count + 1, "last_at": now, "due_at": due_at}
        return self._change(incident, severity=worst, **repeat, **words)

    def _reopen(
        self,
        incident: Incident,
        key: Key,
        severity: str,
        words: dict[str, Any],
        now: datetime,
    ) -> bool:
        again = {"count": incident.count + 1, "rounds": incident.rounds + 1, "last_at": now}
        opened = {"settled_at": None, "open_key": "\n".join(key), "due_at": now}
        worst = min(severity, incident.severity, key=SEVERITIES.index)
        try:
            return self._change(incident, severity=worst, **again, **opened, **words)
        except IntegrityError:
            return False

    def _change(self, incident: Incident, **values: object) -> bool:
        statement = (
            TABLE.update()
            .where(TABLE.c.incident_id == incident.incident_id)
            .where(TABLE.c.version == incident.version)
            .values(version=incident.version + 1, **values)
        )
        return bool(self._execute(statement))

    def _newest(self, key: Key) -> Incident | None:
        found = self._select(
            TABLE.c.kind == key[0], TABLE.c["_client_id"] == key[1], TABLE.c.subject == key[2]
        )
        return found[-1] if found else None

    def _select(self, *conditions: sa.ColumnElement[bool]) -> list[Incident]:
        query = sa.select(TABLE).where(*conditions).order_by(TABLE.c.opened_at)
        with self._connection() as connection:
            rows = connection.execute(query).mappings().all()
        return [_incident(dict(row)) for row in rows]

    def _execute(self, statement: sa.Executable) -> int:
        with self._connection() as connection:
            return int(connection.execute(statement).rowcount)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise ReportError(f"The incidents cannot be kept: {first_line(error)}") from error


def _incident(row: Mapping[str, Any]) -> Incident:
    values = {name.lstrip("_"): value for name, value in row.items() if name != "open_key"}
    channels = values.pop("channels")
    return Incident(**values, channels=None if channels is None else tuple(json.loads(channels)))


def _key(kind: str, client_id: str, subject: str) -> Key:
    """The fingerprint, without what a database or a reader cannot take."""
    return clean(kind), clean(client_id), _plain(subject, TITLE_LIMIT)


def _words(title: str, detail: str, repair: str) -> dict[str, object]:
    return {
        "title": _plain(title, TITLE_LIMIT),
        "detail": _plain(detail, TEXT_LIMIT),
        "repair": _plain(repair, TEXT_LIMIT),
    }


def _plain(text: str, limit: int) -> str:
    # Cleaned first, so that nothing invisible hides a secret; cut last, so that none is halved.
    return clean(mask(clean(text)), limit)
