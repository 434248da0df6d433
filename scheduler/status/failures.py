"""Failures by cause: steps that failed for good and open dead letters, grouped and counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.runs.ledger import Ledger
from scheduler.runs.model import Step
from signalroom import clock
from signalroom.logs import mask

# what differs from one failure of a cause to the next
VARYING = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|\+[\d:]+)?)?|\b\d[\d,.:]*\b")
LONGEST = 160


@dataclass(frozen=True)
class Cause:
    """One cause: what failed, for whom, how often, when last (real clock), as it was last put."""

    subject: str
    client: str
    error_class: str
    count: int
    last_at: datetime
    last_run: str
    example: str


def failures(days: int = 7) -> list[Cause]:
    """Causes of the last days, the most frequent first; WarehouseError when the ledger is away."""
    with Ledger() as ledger:
        steps = ledger.failed_steps(clock.instant() - timedelta(days=days))
    groups: dict[tuple[str, str, str, str], list[tuple[Step, str]]] = {}
    for step in steps:
        for client, error_class, said in _reasons(step):
            key = (step.step, client, error_class, VARYING.sub("#", said))
            groups.setdefault(key, []).append((step, said))
    causes = [
        Cause(
            subject=subject,
            client=client,
            error_class=error_class,
            count=len(found),
            last_at=found[0][0].finished_at or clock.instant(),
            last_run=found[0][0].run_id,
            example=mask(found[0][1])[:LONGEST],
        )
        for (subject, client, error_class, _), found in groups.items()
    ]
    return sorted(causes, key=lambda one: (-one.count, -one.last_at.timestamp()))


def _reasons(step: Step) -> Iterable[tuple[str, str, str]]:
    """Client, class and words of each failure of a step."""
    found = [
        (client, str(answer.get("error_class") or "Unknown"), failure)
        for client, answer in step.details.get("clients", {}).items()
        for failure in answer.get("failures", ())
    ]
    return found or [("*", "Unknown", step.error or "no reason was given")]
