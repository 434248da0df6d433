"""Incidents in the run database: opened, counted, reopened, resolved; each change is atomic.

Times are business time (clock.now), as in the messages. A row has a version: a change that
conflicts with another process is not made, and its caller retries.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from reports.shared.text import clean
from signalroom import clock
from signalroom.errors import ReportError
from signalroom.logs import mask
from signalroom.run_database import prepared_engine, reading_engine
from signalroom.tables import ALL_CLIENTS, OUTBOX
from signalroom.tables import INCIDENTS as TABLE
from signalroom.warehouse import first_line

SEVERITIES = ("critical", "warning", "notice")  # most severe first
NOTICE = "notice"  # a kind that is sent once and never resolved


@dataclass(frozen=True)
class Trouble:
    """A problem. `client_id` is `*` for all; `repair` says what to do now.

    Troubles with the same `cause` (default: kind and subject) share one message. No alert is sent
    before `quiet_until` (business time): a retry may fix it by then. With `is_silent` it is only
    recorded; `to` are addresses that are alerted instead of the usual ones.
    """

    kind: str
    client_id: str
    subject: str
    severity: str
    title: str
    detail: str
    repair: str
    cause: str = ""
    quiet_until: datetime | None = None
    is_silent: bool = False
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Incident:
    """A trouble's history; instants in UTC.

    `count` is how often it was reported, `rounds` how often it began. `told_at` is when the last
    new message about it was made, `due_at` when a message is due (None: none), `channels` where it
    goes (None: by reports/alerts.yml). Incidents of one `group_id` have the same `cause` and share
    their messages.
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
    cause: str = ""
    group_id: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is still open; a notice is sent once and never open."""
        return self.settled_at is None

    @property
    def is_silent(self) -> bool:
        """Whether it is only recorded."""
        return self.channels == ()

    @property
    def is_notice(self) -> bool:
        """Whether it is a one-off message."""
        return self.kind == NOTICE


# However often it recurs, at most one new message within this time.
CALM = timedelta(hours=6)
# How often an existing message is updated with the number of repeats.
REFRESH = timedelta(hours=1)
# How long a new incident waits for others of its cause, such as another client's.
GROUP_WAIT = timedelta(seconds=60)
TITLE_LIMIT, TEXT_LIMIT = 200, 2000
TRIES = 5
Key = tuple[str, str, str]


class Incidents:
    """The incidents in the run database; use it as a context manager."""

    def __init__(self) -> None:
        self._engine = prepared_engine()

    def __enter__(self) -> Incidents:
        return self

    def __exit__(self, *failure: object) -> None:
        self._engine.dispose()

    def report(self, trouble: Trouble) -> None:
        """Open an incident, reopen a recent one, or count a repeat."""
        if trouble.severity not in SEVERITIES:
            raise ReportError(
                f"An incident's severity is {trouble.severity!r}; use {', '.join(SEVERITIES)}."
            )
        key = _key(trouble.kind, trouble.client_id, trouble.subject)
        words = _words(trouble.title, trouble.detail, trouble.repair)
        for _ in range(TRIES):  # another process may open or resolve it in between
            newest = self._newest(key)
            now = clock.now()
            if newest is not None and newest.is_open:
                if self._repeat(newest, trouble, words, now):
                    return
            elif newest is not None and now < (newest.told_at or newest.opened_at) + CALM:
                if self._reopen(newest, key, trouble, words, now):
                    return
            elif self._open(key, trouble, words, now):
                return

    def settle(self, kind: str, client_id: str, subject: str) -> None:
        """Close an incident; no effect if none is open."""
        for _ in range(TRIES):
            newest = self._newest(_key(kind, client_id, subject))
            if newest is None or not newest.is_open:
                return
            now = clock.now()
            # No message was sent, so none is needed about the resolution.
            due_at = None if newest.told_at is None else now
            if self._change(newest, settled_at=now, open_key=None, due_at=due_at):
                return

    def notice(self, client_id: str, title: str, detail: str, channels: Sequence[str]) -> None:
        """Record a one-off message."""
        now = clock.now()
        said = {"channels": json.dumps(list(channels)), "settled_at": now, "open_key": None}
        words = _words(title, detail, "")
        key = (NOTICE, client_id, uuid.uuid4().hex)
        self._insert(key, "notice", now, **words, **said, cause=_cause(*key))

    def open(self) -> list[Incident]:
        """All open incidents, the most severe and oldest first."""
        found = self._select(TABLE.c.settled_at.is_(None))
        return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.opened_at))

    def during(self, begin: datetime, end: datetime) -> list[Incident]:
        """All that were open at some time between two instants, most severe and oldest first."""
        found = self._select(
            TABLE.c.kind != NOTICE,
            TABLE.c.opened_at < end,
            sa.or_(TABLE.c.settled_at.is_(None), TABLE.c.settled_at >= begin),
        )
        return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.opened_at))

    def due(self, at: datetime | None = None) -> list[Incident]:
        """Those with a message due by then (default: now), oldest first."""
        return self._select(TABLE.c.due_at <= (at or clock.now()))

    def group(self, group_id: str) -> list[Incident]:
        """The incidents that share messages, oldest first."""
        return self._select(TABLE.c.group_id == group_id)

    def since(self, moment: datetime) -> list[Incident]:
        """Those that are open or were resolved after an instant, oldest first."""
        return self._select(sa.or_(TABLE.c.settled_at.is_(None), TABLE.c.settled_at > moment))

    def of_kind(self, kind: str, since: datetime) -> list[Incident]:
        """Those of a kind that began since an instant, oldest first."""
        return self._select(TABLE.c.kind == kind, TABLE.c.opened_at >= since)

    def record_sent(
        self, incident: Incident, due_at: datetime | None, told_at: datetime | None
    ) -> bool:
        """Record that it was sent and when it is due next; False if it changed meanwhile."""
        return self._change(incident, due_at=due_at, told_at=told_at)

    def _open(self, key: Key, trouble: Trouble, words: dict[str, Any], now: datetime) -> bool:
        """Insert it, together with those of its cause that are open."""
        cause = _cause(*key, trouble.cause)
        with_it = self._select(TABLE.c.cause == cause, TABLE.c.settled_at.is_(None))
        more: dict[str, object] = {"due_at": max(now + wait(), trouble.quiet_until or now)}
        if trouble.is_silent or trouble.to:
            more["channels"] = json.dumps(list(trouble.to))
        if with_it:
            more["group_id"] = with_it[-1].group_id
        return self._insert(key, trouble.severity, now, cause=cause, **more, **words)

    def _insert(self, key: Key, severity: str, now: datetime, **values: object) -> bool:
        kind, client_id, subject = key
        incident_id = uuid.uuid4().hex[:10]
        row = {
            "incident_id": incident_id,
            "group_id": incident_id,
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
        self, incident: Incident, trouble: Trouble, words: dict[str, Any], now: datetime
    ) -> bool:
        worst = min(trouble.severity, incident.severity, key=SEVERITIES.index)
        begins_to_speak = incident.channels == () and not trouble.is_silent
        due_at = incident.due_at
        if worst != incident.severity or begins_to_speak:
            due_at = now
        elif due_at is None:
            due_at = max(now, (incident.told_at or now) + REFRESH)
        elif incident.told_at is None:
            due_at = min(due_at, max(now + wait(), trouble.quiet_until or now))
        repeat = {"count": incident.count + 1, "last_at": now, "due_at": due_at}
        if begins_to_speak:
            repeat["channels"] = None
        return self._change(incident, severity=worst, **repeat, **words)

    def _reopen(
        self,
        incident: Incident,
        key: Key,
        trouble: Trouble,
        words: dict[str, Any],
        now: datetime,
    ) -> bool:
        again = {"count": incident.count + 1, "rounds": incident.rounds + 1, "last_at": now}
        due_at = max(now, trouble.quiet_until or now)
        opened = {"settled_at": None, "open_key": "\n".join(key), "due_at": due_at}
        worst = min(trouble.severity, incident.severity, key=SEVERITIES.index)
        if incident.channels == () and not trouble.is_silent:
            again["channels"] = None
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
    values["channels"] = None if channels is None else tuple(json.loads(channels))
    values["group_id"] = values["group_id"] or values["incident_id"]
    values["cause"] = values["cause"] or _cause(values["kind"], "", values["subject"])
    return Incident(**values)


def _key(kind: str, client_id: str, subject: str) -> Key:
    """The fingerprint, without characters that a database or a reader cannot handle."""
    return clean(kind), clean(client_id), _plain(subject, TITLE_LIMIT)


def _cause(kind: str, client_id: str, subject: str, given: str = "") -> str:
    """What an incident is grouped by; incidents for all clients and for one may share it."""
    return _plain(given or f"{kind}:{subject}", TITLE_LIMIT)


def wait() -> timedelta:
    """How long a new incident waits for others of its cause; not if business time is frozen."""
    return timedelta() if clock.is_frozen() else GROUP_WAIT


def _words(title: str, detail: str, repair: str) -> dict[str, object]:
    return {
        "title": _plain(title, TITLE_LIMIT),
        "detail": _plain(detail, TEXT_LIMIT),
        "repair": _plain(repair, TEXT_LIMIT),
    }


def _plain(text: str, limit: int) -> str:
    # Cleaned first, so that nothing invisible hides a secret; cut last, so that none is halved.
    return clean(mask(clean(text)), limit)


__all__ = [
    "ALL_CLIENTS",
    "SEVERITIES",
    "Incident",
    "Trouble",
    "notice",
    "open_incidents",
    "report_trouble",
    "settle_trouble",
    "work_waits",
]


def report_trouble(trouble: Trouble) -> None:
    """Open an incident, or count a repeat while one with the same fingerprint is open.

    One that was resolved recently is reopened: flapping is one incident.
    """
    with Incidents() as incidents:
        incidents.report(trouble)


def settle_trouble(kind: str, client_id: str, subject: str) -> None:
    """Close the incident of a fingerprint; no effect if none is open."""
    with Incidents() as incidents:
        incidents.settle(kind, client_id, subject)


def notice(client_id: str, title: str, detail: str, channels: Sequence[str]) -> None:
    """Send a one-off message in the named channels (`slack`, `email`, `sms`)."""
    with Incidents() as incidents:
        incidents.notice(client_id, title, detail, channels)


def open_incidents() -> list[Incident]:
    """All open incidents, the most severe and oldest first."""
    with Incidents() as incidents:
        return incidents.open()


def work_waits() -> bool:
    """Whether `signalroom deliver` would find something to do now; one query, creates nothing."""
    incident, message = TABLE.c, OUTBOX.c
    open_message = message.status.in_(("pending", "unknown"))
    may_be_tried = sa.or_(message.next_at.is_(None), message.next_at <= clock.instant())
    waits = sa.or_(
        sa.exists().where(incident.due_at <= clock.now()),
        sa.exists().where(open_message, may_be_tried),
    )
    try:
        with reading_engine().connect() as connection:
            return bool(connection.execute(sa.select(waits)).scalar())
    except SQLAlchemyError as error:
        if "no such table" in str(error) or "UndefinedTable" in str(error):
            return False  # nothing was ever reported or sent
        raise ReportError(f"The incidents cannot be read: {first_line(error)}") from error
