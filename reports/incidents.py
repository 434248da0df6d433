"""Incidents: what is wrong now, since when and how often; one message each, whoever reports it.

    report_trouble(Trouble("step_failed", "713", "ingest:everflow", "critical", ...))
    settle_trouble("step_failed", "713", "ingest:everflow")

Kind, client and subject are the fingerprint of an incident. Nothing is sent from here: `signalroom
deliver` does that, in a process of its own, so that this stays small. Whatever is written down is
cleaned of what nobody can see, and of secrets. Each call raises ReportError when the state database
is away.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports import incident_table, outbox_table
from reports.alerts.incidents import Incidents
from reports.state import asking_engine
from reports.trouble import ALL_CLIENTS, SEVERITIES, Incident, Trouble
from signalroom import clock
from signalroom.connections import first_line
from signalroom.errors import ReportError

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

    One that was settled a short while ago reopens: what flaps is one incident.
    """
    with Incidents() as incidents:
        incidents.report(trouble)


def settle_trouble(kind: str, client_id: str, subject: str) -> None:
    """Close the incident of a fingerprint; nothing happens when none is open."""
    with Incidents() as incidents:
        incidents.settle(kind, client_id, subject)


def notice(client_id: str, title: str, detail: str, channels: Sequence[str]) -> None:
    """Have something said once, in the named channels (`slack`, `email`, `sms`)."""
    with Incidents() as incidents:
        incidents.notice(client_id, title, detail, channels)


def open_incidents() -> list[Incident]:
    """All that lasts, the worst and oldest first."""
    with Incidents() as incidents:
        return incidents.open()


def work_waits() -> bool:
    """Whether `signalroom deliver` would find something to do now; one query, nothing is made."""
    incident, message = incident_table.TABLE.c, outbox_table.TABLE.c
    open_message = message.status.in_(("pending", "unknown"))
    may_be_tried = sa.or_(message.next_at.is_(None), message.next_at <= clock.instant())
    waits = sa.or_(
        sa.exists().where(incident.due_at <= clock.now()),
        sa.exists().where(open_message, may_be_tried),
    )
    try:
        with asking_engine().connect() as connection:
            return bool(connection.execute(sa.select(waits)).scalar())
    except SQLAlchemyError as error:
        if "no such table" in str(error) or "UndefinedTable" in str(error):
            return False  # nothing was ever reported or sent
        raise ReportError(f"The incidents cannot be read: {first_line(error)}") from error
