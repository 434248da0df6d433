"""A record of deliveries outside the outbox, to detect an outdated outbox.

The outbox of a database or folder restored from a backup lacks what was sent since. Then a message
without a row must not count as unsent.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from signalroom import clock, times
from signalroom.paths import home
from signalroom.plural import counted
from signalroom.tables import OUTBOX

FILE = "delivered.json"
REMEMBERED = timedelta(days=7)
# The reason text of messages that count as delivered without an attempt.
NEWEST = sa.select(sa.func.max(OUTBOX.c.sent_at, type_=OUTBOX.c.sent_at.type))
WAS_THERE = "found at provider before its first attempt"
TELLS = (
    "Each message is looked up before its first attempt, and an SMS that may have been sent is "
    "held: look at the phone, then `signalroom report … --again` sends it."
)


@dataclass(frozen=True)
class Gap:
    """What is missing in the outbox: messages sent after `since` (None: all), up to `until`.

    `told_until` is `until` in business time, which differs in rehearsals.
    """

    since: datetime | None
    until: datetime
    told_until: datetime


def remember(sent_at: datetime, reported_at: datetime, known: Gap | None) -> None:
    """Record that a message was delivered, once the outbox has it, and what was missing in it."""
    _write({"sent_at": sent_at, "reported_at": reported_at}, known)


def remember_restored(made_at: datetime) -> None:
    """Record that the run database was restored to its backup's state."""
    now = clock.instant()
    _write(_read()[0], Gap(made_at, now, clock.now()))


def gap(connection: sa.Connection) -> Gap | None:
    """What is known to be missing in the outbox, within the last week; None if nothing."""
    last, known = _read()
    oldest = clock.instant() - REMEMBERED
    if last:
        newest = connection.execute(NEWEST).scalar() if _has_outbox(connection) else None
        if last["sent_at"] > oldest and (newest is None or newest < last["sent_at"]):
            return Gap(newest, last["sent_at"], last["reported_at"])
    return known if known and known.until > oldest else None


def doubt(connection: sa.Connection) -> str | None:
    """Why the outbox may be older than what was sent, in one line; None without evidence."""
    found = gap(connection)
    if found:
        ends = f"it ends {times.moment(found.since)}" if found.since else "it has no message"
        return (
            f"The outbox may be older than what was sent: {ends}, and messages went out until "
            f"{times.moment(found.until)}"
        )
    if not _has_outbox(connection):
        return None
    recent = OUTBOX.c.sent_at > clock.instant() - REMEMBERED
    query = NEWEST.add_columns(sa.func.count()).where(OUTBOX.c.reason == WAS_THERE, recent)
    newest, count = connection.execute(query).one()
    if not (count and isinstance(newest, datetime)):
        return None
    noun = counted(int(count), "message was", "messages were")
    return (
        f"The outbox may be older than what was sent: {noun} there before the first attempt, "
        f"last {times.moment(newest)}"
    )


def _has_outbox(connection: sa.Connection) -> bool:
    schema = None if connection.dialect.name == "sqlite" else "ops"
    return sa.inspect(connection).has_table(OUTBOX.name, schema=schema)


def _read() -> tuple[dict[str, datetime], Gap | None]:
    """The last delivery, and the last gap; empty without a readable file."""
    try:
        found = json.loads((home() / FILE).read_text(encoding="utf-8"))
        last = {name: datetime.fromisoformat(text) for name, text in found["last"].items()}
        old = found.get("gap")
        if old is None:
            return last, None
        since = datetime.fromisoformat(old["since"]) if old["since"] else None
        until, told = (datetime.fromisoformat(old[name]) for name in ("until", "told_until"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, None
    return last, Gap(since, until, told)


def _write(last: dict[str, datetime], known: Gap | None) -> None:
    """Atomic; a full disk does not prevent the outbox update."""
    text = json.dumps(
        {
            "last": {name: at.isoformat() for name, at in last.items()},
            "gap": known
            and {
                "since": known.since and known.since.isoformat(),
                "until": known.until.isoformat(),
                "told_until": known.told_until.isoformat(),
            },
        }
    )
    path = home() / FILE
    new = path.with_name(f"{FILE}.{os.getpid()}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
