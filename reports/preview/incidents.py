"""Incidents of the gallery: what an alert is about. Times count back from the scenario's now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reports.alerts.incidents import NOTICE, Incident
from signalroom import clock


@dataclass(frozen=True)
class Wrong:
    """An incident; `ago` and `lasted` in minutes, `lasted` None while it lasts."""

    kind: str
    subject: str
    severity: str
    title: str
    detail: str
    repair: str = ""
    ago: int = 42
    lasted: int | None = None
    count: int = 1
    rounds: int = 1

    def incident(self, client_id: str) -> Incident:
        """As the run database would give it, seen from business time."""
        now = clock.now()
        opened_at = now - timedelta(minutes=self.ago)
        settled_at = None if self.lasted is None else opened_at + timedelta(minutes=self.lasted)
        return Incident(
            incident_id="a1b2c3d4e5",
            kind=self.kind,
            client_id=client_id,
            subject=self.subject,
            severity=self.severity,
            title=self.title,
            detail=self.detail,
            repair=self.repair,
            channels=None,
            opened_at=opened_at,
            last_at=settled_at or now,
            count=self.count,
            rounds=self.rounds,
            settled_at=settled_at,
            told_at=opened_at,
            due_at=None,
            version=1,
        )


OPEN = Wrong(
    "step_failed",
    "ingest:everflow",
    "critical",
    "Everflow refuses the API key",
    "Everflow answered 401 for client 713, three times. What was loaded before stays.",
    "Put a valid EVERFLOW_API_KEY into .env, then `signalroom run`.",
    count=3,
)
LATE = Wrong(
    "source_late",
    "redtrack",
    "warning",
    "RedTrack is late: last loaded Nov 15, 18:02 EST",
    "Reports of Nov 15 went out as INCOMPLETE; the complete ones follow by themselves.",
    "Look at RedTrack's status page; nothing else needs to be done.",
    ago=150,
    count=2,
)
CAME_BACK = Wrong(
    "run_overdue",
    "hourly",
    "warning",
    "The hourly run is overdue",
    "It was due at 09:00 EST and has not begun.",
    "`signalroom status` says what runs; `signalroom scheduler` starts it again.",
    ago=305,
    count=1_234_567,
    rounds=4,
)
RESOLVED = Wrong(
    "step_failed",
    "dbt",
    "critical",
    "dbt build failed: 1 test of daily_performance",
    "unique_grain found 2 rows; the marts of the run before stay as they are.",
    ago=65,
    lasted=40,
)
SAID = Wrong(
    NOTICE,
    "backfill",
    "notice",
    "Backfill of everflow is done",
    "2026-01-01 to 2026-11-15 in 46 slices, 1,234,567 rows.",
    ago=1,
    lasted=0,
)
MANY = tuple(
    Wrong(
        "step_failed",
        f"ingest:source_{number}",
        ("critical", "warning", "notice")[number % 3],
        f"Source {number} failed " + "again and again " * 12,
        "A long explanation. " * 120,
        "Do this, then that. " * 120,
        ago=60 * 24 * number + 7,
        count=98_765_432,
    )
    for number in range(1, 61)
)


def hostile_incidents(names: tuple[str, ...]) -> tuple[Wrong, ...]:
    """An incident about each name, in each place that takes text."""
    return tuple(
        Wrong("step_failed", name, "warning", name, f"Detail: {name}", f"Repair: {name}", ago=at)
        for at, name in enumerate(names, 1)
    )
