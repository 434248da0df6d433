"""Copies what messages last reported for each brand's day from the run database to the warehouse.

The marts compare it with current data (`performance_changes`), and on the embedded engine the run
database is a separate file that dbt cannot read.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from signalroom.bulk import insert
from signalroom.run_database import prepared_engine
from signalroom.tables import METADATA, OUTBOX, REPORTED_DAYS
from signalroom.warehouse import Execute

METRICS = ("conversions", "cost")  # every message about a day has these metrics
Key = tuple[str, date, int | None]


def copy_reported_days(execute: Execute) -> None:
    """Replace `ops.reported_days` by the newest delivered message of each client, day and brand."""
    newest: dict[Key, tuple[datetime, datetime]] = {}
    for client_id, keys, as_of, sent_at in _delivered():
        known = json.loads(keys)
        if "date" not in known:
            continue
        advertiser = known.get("advertiser_id")
        key = (
            client_id,
            date.fromisoformat(known["date"]),
            int(advertiser) if advertiser else None,
        )
        if key not in newest or newest[key][0] <= sent_at:
            newest[key] = (sent_at, as_of)
    execute("delete from ops.reported_days")
    rows = [
        {
            "_client_id": client_id,
            "date": day,
            "advertiser_id": brand,
            "as_of": as_of,
            "reported_at": sent_at,
        }
        for (client_id, day, brand), (sent_at, as_of) in sorted(newest.items(), key=repr)
    ]
    insert(execute, REPORTED_DAYS.name, rows)


def _delivered() -> list[Any]:
    figures = METADATA.tables["reported_figures"]
    query = (
        sa.select(figures.c["_client_id"], figures.c["keys"], figures.c.as_of, OUTBOX.c.sent_at)
        .join(OUTBOX, OUTBOX.c.dedupe_key == figures.c.dedupe_key)
        .where(
            OUTBOX.c.status == "sent",
            OUTBOX.c.sent_at.is_not(None),
            figures.c.metric.in_(METRICS),
        )
        .distinct()
    )
    with prepared_engine().begin() as connection:
        return list(connection.execute(query))
