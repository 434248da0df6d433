"""What a child's results mean for its steps: done, to be retried, deferred, failed."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler.runs.ledger import Step
from signalroom.errors import FINAL

TRANSIENT = frozenset(
    {
        "SourceError",  # timeouts, 429 and 5xx that lasted longer than the limit of a request
        "WarehouseError",  # unavailable, or in use by another process
        "OperationalError",
        "InterfaceError",
        "Undelivered",
        "Unconfirmed",  # it may have arrived: the next try looks it up first
        "Killed",
    }
)
PASSING = re.compile(
    r"deadlock|could not serialize|lock timeout|conflicting lock|could not set lock|"
    r"connection (was )?(refused|reset|closed|timed out|already closed)|could not connect|"
    r"server closed the connection|terminating connection|connection .* failed",
    re.IGNORECASE,
)
TRIES = 5
TRIES_UNKNOWN = 3
TRIES_LIMIT = 2  # hung work uses its whole limit each time
LONGEST = timedelta(minutes=5)


def tries(error_class: str, said: str) -> int:
    """How often in total a step is tried that ends with such an error."""
    if error_class == "Limit":
        return TRIES_LIMIT
    if error_class in TRANSIENT or PASSING.search(said):
        return TRIES
    return 1 if error_class in FINAL else TRIES_UNKNOWN


def pause(failed: int) -> timedelta:
    """How long to wait after so many failed tries: from 1 s, doubled each time, with jitter."""
    longest = min(timedelta(seconds=2 ** (failed - 1)), LONGEST)
    return longest * random.uniform(0.75, 1.25)  # noqa: S311 (no secret is made of it)


Answer = dict[str, Any]
EVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Outcome:
    """The result of one try of a step.

    `clients` are results by client, kept in the step's detail.
    """

    clients: dict[str, Answer] = field(default_factory=dict)
    more: Answer = field(default_factory=dict)  # other details, such as dbt's counts
    failures: list[tuple[str, str, str]] = field(default_factory=list)  # client, class, what
    deferred_until: datetime | None = None
    deferred: str | None = None  # the vendor's reason, in one line
    retry_at: datetime | None = None  # an earlier try would fail in the same way
    waits: bool = False
    is_off: bool = False  # no client has the source
    rows: int | None = None

    @property
    def error(self) -> str | None:
        """All failures in one line."""
        return "; ".join(dict.fromkeys(said for _, _, said in self.failures)) or None


def ended_badly(code: int, over_limit: bool, limit_s: float, last_words: str) -> tuple[str, str]:
    """Class and message for a child that failed without a reason."""
    if over_limit:
        return "Limit", f"ended after its limit of {limit_s / 60:.0f} minutes"
    if code < 0:
        return "Killed", f"ended by signal {-code}"
    return "Unknown", f"exits {code}: {last_words}" if last_words else f"exits {code}"


def ingest_outcome(step: Step, answers: Sequence[Answer], end: tuple[str, str] | None) -> Outcome:
    """The outcome for one source of an ingest child; `end` describes a child that failed."""
    found = Outcome(clients=dict(step.details.get("clients", {})))
    mine = [answer for answer in answers if answer.get("source") == step.subject]
    for answer in mine:
        client = str(answer.get("client", "*"))
        found.clients[client] = answer
        until = answer.get("deferred_until")
        if until:
            moment = datetime.fromisoformat(until)
            found.deferred_until = min(moment, found.deferred_until or moment)
            found.deferred = "; ".join(answer.get("failures", ()))
            continue
        for failure in answer.get("failures", ()):
            found.failures.append((client, str(answer.get("error_class", "Unknown")), failure))
    whole = [answer for answer in answers if "source" not in answer]
    # A failure that no client's result explains affects the whole child, and so each of its
    # sources.
    if end and (end[0] in ("Limit", "Killed") or not _explained(answers)):
        found.failures += _of_the_whole(whole, end)
    found.rows = sum(_rows(answer) for answer in found.clients.values())
    kept = found.clients.values()
    found.is_off = bool(kept) and all(one.get("off") or one.get("paused") for one in kept)
    return found


def _explained(answers: Sequence[Answer]) -> bool:
    """Whether the child completed: a failed pull is why it exits 1."""
    return any(answer.get("failures") for answer in answers if "source" in answer)


def dbt_outcome(answers: Sequence[Answer], end: tuple[str, str] | None) -> Outcome:
    """The outcome of `signalroom build --json`."""
    found = Outcome()
    for answer in answers:
        found.more.update({key: answer[key] for key in answer.keys() - {"failures"}})
        default = "Unknown"
        for failure in answer.get("failures", ()):
            if "models" in answer and failure.startswith("dbt test "):
                default = "TestsFailed"  # the same rows would fail again
            found.failures.append(("*", str(answer.get("error_class", default)), failure))
    if end and not found.failures:
        found.failures.append(("*", *end))
    return found


def report_outcome(answers: Sequence[Answer], end: tuple[str, str] | None) -> Outcome:
    """The outcome of `signalroom report --json`."""
    found = Outcome()
    for answer in answers:
        if "report" not in answer:
            continue
        client = str(answer.get("client", "*"))
        found.clients[client] = answer
        found.waits = found.waits or bool(answer.get("waits"))
        if answer.get("retry_at"):
            found.retry_at = max(datetime.fromisoformat(answer["retry_at"]), found.retry_at or EVER)
        for failure in answer.get("failures", ()):
            found.failures.append((client, str(answer.get("error_class") or "Unknown"), failure))
    if end and not found.failures:
        found.failures += _of_the_whole([one for one in answers if "report" not in one], end)
    return found


def _of_the_whole(answers: Sequence[Answer], end: tuple[str, str]) -> list[tuple[str, str, str]]:
    said = [
        ("*", str(answer.get("error_class", "Unknown")), failure)
        for answer in answers
        for failure in answer.get("failures", ())
    ]
    return said or [("*", *end)]


def _rows(answer: Answer) -> int:
    return sum(int(count) for count in (answer.get("rows") or {}).values())
