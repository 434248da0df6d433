"""Incidents of the gallery, for alerts. Times count back from the scenario's now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from reports.alerts.causes import FailedStep, step_failed
from reports.alerts.findings import (
    Unmapped,
    build_warned,
    dead_letters,
    delivery_failed,
    source_late,
    unexplained_changes,
    unmapped_spend,
)
from reports.alerts.incidents import NOTICE, Incident, Trouble
from reports.alerts.rules.budget import Dry
from reports.alerts.rules.budget import trouble_of as trouble_of_budget
from reports.alerts.rules.judge import trouble_of
from reports.alerts.rules.rules import Finding
from reports.delivery.outbox import hashed
from signalroom import clock


@dataclass(frozen=True)
class Wrong:
    """An incident as the code reports it; `ago` and `lasted` in minutes, None while it is open.

    One that `is_shared` affects every client, and is sent to a recipient of all of them.
    """

    trouble: Callable[[str], Trouble]
    ago: int = 42
    lasted: int | None = None
    count: int = 1
    rounds: int = 1
    is_shared: bool = False

    def incident(self, client_id: str) -> Incident:
        """As the run database would return it, in business time."""
        now = clock.now()
        trouble = self.trouble(client_id)
        opened_at = now - timedelta(minutes=self.ago)
        settled_at = None if self.lasted is None else opened_at + timedelta(minutes=self.lasted)
        return Incident(
            incident_id=hashed(f"{trouble.subject} {self.ago}")[:10],
            kind=trouble.kind,
            client_id=client_id,
            subject=trouble.subject,
            severity=trouble.severity,
            title=trouble.title,
            detail=trouble.detail,
            repair=trouble.repair,
            channels=None,
            opened_at=opened_at,
            last_at=settled_at or now,
            count=self.count,
            rounds=self.rounds,
            settled_at=settled_at,
            told_at=opened_at,
            due_at=None,
            version=1,
            cause=trouble.cause or "",
            group_id=trouble.cause or "",
        )


def _failed(step: str, error_class: str, said: str, tries: int = 1) -> Callable[[str], Trouble]:
    """What the scheduler reports for a step that failed permanently."""
    run_id = "hourly-20261116T1400Z"

    def trouble(client_id: str) -> Trouble:
        return step_failed(FailedStep(step, client_id, error_class, said, tries, run_id, "hourly"))

    return trouble


def _anomaly(client_id: str) -> Trouble:
    words = "SB - Meta spent $560.00 and brought no conversions; usually 20."
    about = ("spend_without_conversions", client_id, clock.yesterday(), "SB - Meta (1)")
    return trouble_of(client_id, Finding(*about, Decimal("560.00"), words))


def _unmapped(client_id: str) -> Trouble:
    costs = {"New Source": "310.25", "Facebook CTI": "82.00"}
    day = clock.yesterday()
    spend = [Unmapped(name, day, Decimal(cost)) for name, cost in costs.items()]
    return unmapped_spend(client_id, spend, Decimal(25))


def _in_vain(client_id: str) -> Trouble:
    dry = Dry(Decimal("412.80"), Decimal("27.90"), Decimal("96.10"))
    return trouble_of_budget(client_id, "64f1a20b9c3d", "SB - Meta", clock.today(), dry)


def _late(client_id: str) -> Trouble:
    now = clock.now()
    last, due = now - timedelta(hours=15), now - timedelta(hours=2)
    found = source_late(client_id, "redtrack", last, due, now + timedelta(minutes=40))
    return found or _plain("source_late", "redtrack", "warning", "RedTrack is late", "")(client_id)


def _plain(
    kind: str, subject: str, severity: str, title: str, detail: str, repair: str = ""
) -> Callable[[str], Trouble]:
    return lambda client_id: Trouble(kind, client_id, subject, severity, title, detail, repair)


OPEN = Wrong(
    _failed(
        "ingest:everflow",
        "CredentialsError",
        "everflow: API key rejected (HTTP 401).",
    ),
    count=3,
)
SHARED = Wrong(
    _failed(
        "ingest:redtrack",
        "CredentialsError",
        "redtrack: API key rejected (HTTP 401).",
    ),
    is_shared=True,
)
ANOMALY = Wrong(_anomaly, ago=12)
LATE = Wrong(_late, ago=150, count=2)
CAME_BACK = Wrong(
    _failed("ingest:everflow", "SourceError", "everflow answers with HTTP 503.", tries=5),
    ago=305,
    count=1_234_567,
    rounds=4,
)
RESOLVED = Wrong(
    _failed("dbt", "TestsFailed", "dbt test unique_grain of daily_performance: 2 rows."),
    ago=65,
    lasted=40,
)
SAID = Wrong(
    _plain(NOTICE, "hourly", "notice", "hourly done", "everflow: 1,523 rows, 18 s; dbt: 31 s"),
    ago=1,
    lasted=0,
)
MANY = tuple(
    Wrong(
        _plain(
            "step_failed",
            f"ingest:source_{number}",
            ("critical", "warning", "notice")[number % 3],
            f"Source {number} failed " + "again and again " * 12,
            "A long explanation. " * 120,
            "Do this, then that. " * 120,
        ),
        ago=60 * 24 * number + 7,
        count=98_765_432,
    )
    for number in range(1, 61)
)


# One of each kind that the other scenarios do not show, from the functions that report them.
KINDS = tuple(
    Wrong(trouble, ago=at)
    for at, trouble in enumerate(
        (
            _unmapped,
            _in_vain,
            lambda client_id: unexplained_changes(client_id, [clock.yesterday()], 2),
            lambda client_id: dead_letters(client_id, "s3_exports", 3),
            lambda client_id: delivery_failed(
                client_id, "email", "media@example.org", "daily_ccw", "Resend refuses the address"
            ),
            lambda _: build_warned(["dbt test mapped_spend of unmapped_spend: 4 rows"]),
        ),
        3,
    )
)


def hostile_incidents(names: tuple[str, ...]) -> tuple[Wrong, ...]:
    """An incident about each name, in each place that takes text."""
    return tuple(
        Wrong(
            _plain("step_failed", name, "warning", name, f"Detail: {name}", f"Repair: {name}"),
            ago=at,
        )
        for at, name in enumerate(names, 1)
    )
