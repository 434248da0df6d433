"""The verdict: whether someone must act now, in one line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from scheduler.status.status import Status
from scheduler.temporal.links import address
from signalroom import outbox_memory, run_database, sources
from signalroom.clients import active_clients
from signalroom.errors import SignalRoomError
from signalroom.plural import counted
from signalroom.settings import variable
from signalroom.tables import OUTBOX
from signalroom.times import clock_time, span, when

Level = Literal["good", "warning", "bad"]
# channel -> what it needs; the channels' own modules load their vendors' libraries
CHANNELS = {
    "slack": ("SLACK_BOT_TOKEN", "SLACK_CHANNEL_ID"),
    "email": ("RESEND_API_KEY", "RESEND_FROM_EMAIL", "RESEND_TO_EMAILS"),
    "sms": (
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_FROM_NUMBER",
        "TWILIO_TO_NUMBERS",
    ),
}


@dataclass(frozen=True)
class Verdict:
    """`line` in words; `problems` are the parts that need attention."""

    level: Level
    line: str
    problems: tuple[str, ...] = ()


def verdict(status: Status) -> Verdict:
    """The most severe first: nothing configured, no scheduler, late, failed; else what is next."""
    bad = list(_bad(status))
    if bad:
        return Verdict("bad", f"Needs attention ({len(bad)}): {bad[0]}", tuple(bad))
    mild = list(_mild(status))
    level: Level = "warning" if mild else "good"
    said = mild or ["All good."]
    return Verdict(level, " ".join([*said, *_sent(), *_next(status)]), tuple(mild))


def channels() -> list[str]:
    """The channels that are set up for some active client."""
    return [
        name
        for name, names in CHANNELS.items()
        if any(all(variable(one, client.id) for one in names) for client in active_clients())
    ]


def _bad(status: Status) -> list[str]:
    found = []
    if not status.is_ledger_read:
        found.append("run database unavailable.")
    elif status.beat is None:
        found.append(f"scheduler never started. Start it: {_starter()}.")
    elif not status.is_alive:
        ago = span(status.instant - status.beat.at)
        found.append(f"no heartbeat for {ago}. Start {_starter()}.")
    if _has_no_source(status) and not _paused(status) and not configured():
        found.append("no source is configured: `signalroom doctor`.")
    found += [f"{one.title}." for one in status.incidents or () if one.severity == "critical"]
    found += [f"{run.run_id} is overdue since {when(run.started_at)}." for run in status.overdue]
    found += [f"{one.source} {one.client_id} is late." for one in status.late]
    found += [f"the newest run of {run.job} failed." for run in status.unexplained]
    return found


def configured() -> list[str]:
    """The sources that are fully configured for some active client, whether loaded yet or not."""
    clients = active_clients()
    return [
        name
        for name in sources.names()
        if any(sources.is_configured(name, client.id) for client in clients)
    ]


def _has_no_source(status: Status) -> bool:
    return status.freshness is not None and not any(
        one.state == "on" for one in status.freshness.sources
    )


def _paused(status: Status) -> list[str]:
    found = status.freshness.sources if status.freshness else ()
    return sorted({one.source for one in found if one.state == "paused"})


def _starter() -> str:
    """The command that starts the scheduler or worker."""
    return "`signalroom temporal worker`" if address() else "`signalroom scheduler`"


def _mild(status: Status) -> list[str]:
    found = []
    if _has_no_source(status) and (paused := _paused(status)):
        found.append(f"No source is pulled: {', '.join(paused)} paused.")
    elif _has_no_source(status) and (names := configured()):
        found.append(f"No data yet: {counted(len(names), 'source')} configured, none loaded.")
    if not channels():
        found.append("Reports stay in the outbox: no channel is set.")
    open_ones = [one for one in status.incidents or () if one.severity != "critical"]
    if open_ones:
        found.append(f"{counted(len(open_ones), 'open alert')}: {open_ones[0].title}.")
    if older := outbox_doubt():
        found.append(f"{older}.")
    if status.unreadable:
        found.append(f"Not everything can be read: {status.unreadable[0]}")
    return found


def outbox_doubt() -> str | None:
    """Why the outbox may be older than what was sent; None if it is not, or cannot be read."""
    try:
        with run_database.reading_engine().connect() as connection:
            return outbox_memory.doubt(connection)
    except (SignalRoomError, SQLAlchemyError):
        return None


def _sent() -> list[str]:
    last = last_sent()
    if last is None:
        return []
    day, at = last
    return [f"Reports for {day:%b %-d} sent at {clock_time(at)}."]


def last_sent() -> tuple[date, datetime] | None:
    """The newest day whose daily reports were delivered, and when the last one was."""
    sent_at = sa.func.coalesce(OUTBOX.c.reported_at, OUTBOX.c.sent_at)
    query = (
        sa.select(OUTBOX.c.period, sa.func.max(sent_at, type_=OUTBOX.c.sent_at.type))
        .where(OUTBOX.c.report.like("daily%"), OUTBOX.c.status == "sent")
        .group_by(OUTBOX.c.period)
        .order_by(OUTBOX.c.period.desc())
        .limit(1)
    )
    try:
        with run_database.reading_engine().connect() as connection:
            row = connection.execute(query).first()
    except (SignalRoomError, SQLAlchemyError):
        return None
    return (row[0], row[1]) if row else None


def _next(status: Status) -> list[str]:
    coming = [(one.next_at, one.job.name) for one in status.jobs if one.next_at]
    if not coming:
        return []
    at, name = min(coming)
    return [f"Next: {name} {when(at)}."]
