"""Snoozes: alerts that are silenced until a date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports.alerts.incidents import ALL_CLIENTS, Incident, Incidents
from signalroom import clock
from signalroom.errors import ReportError
from signalroom.run_database import prepared_engine
from signalroom.warehouse import first_line
from signalroom.watch_tables import SNOOZES as TABLE


@dataclass(frozen=True)
class Snooze:
    """Silences a cause until an instant; `client_id` is `*` for all clients."""

    cause: str
    client_id: str
    until: datetime
    reason: str


def snooze(name: str, until: datetime, reason: str) -> list[Incident]:
    """Silence the open incidents with that id or cause; ReportError if there is none."""
    with Incidents() as incidents:
        lasting = incidents.open()
    found = [one for one in lasting if name in (one.incident_id, one.group_id, one.cause)]
    if not found:
        known = ", ".join(sorted({one.cause for one in lasting}))
        there_is = f"There are: {known}." if known else "None is open."
        raise ReportError(f"No open alert has the id or cause {name!r}. {there_is}")
    rows = {
        (one.cause, one.client_id): {
            "cause": one.cause,
            "_client_id": one.client_id,
            "until": until,
            "reason": reason,
            "created_at": clock.now(),
        }
        for one in found
    }
    engine = prepared_engine()
    try:
        with engine.begin() as connection:
            for (cause, client_id), row in rows.items():
                connection.execute(
                    TABLE.delete().where(TABLE.c.cause == cause, TABLE.c["_client_id"] == client_id)
                )
                connection.execute(TABLE.insert().values(row))
    except SQLAlchemyError as error:
        raise ReportError(f"The snooze cannot be kept: {first_line(error)}") from error
    finally:
        engine.dispose()
    return found


def read_snoozes(now: datetime) -> dict[tuple[str, str], Snooze]:
    """Active snoozes, by cause and client."""
    engine = prepared_engine()
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.select(TABLE).where(TABLE.c.until > now)).mappings().all()
    except SQLAlchemyError as error:
        raise ReportError(f"The snoozes cannot be read: {first_line(error)}") from error
    finally:
        engine.dispose()
    return {
        (row["cause"], row["_client_id"]): Snooze(
            row["cause"], row["_client_id"], row["until"], row["reason"]
        )
        for row in rows
    }


def snoozed_by(incident: Incident, snoozes: Mapping[tuple[str, str], Snooze]) -> Snooze | None:
    """The snooze that silences an incident: its client's, or the one for all clients."""
    for client_id in (incident.client_id, ALL_CLIENTS):
        if found := snoozes.get((incident.cause, client_id)):
            return found
    return None
