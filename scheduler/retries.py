"""Which failures are worth another try, how often, and after how long."""

from __future__ import annotations

import random
import re
from datetime import timedelta

FINAL = frozenset(
    {
        "ConfigurationError",
        "CredentialsError",
        "AnswerError",  # the vendor changed the form of its answers: it will say the same again
        "AbsentError",
        "DeliveryError",
        "TestsFailed",
    }
)
TRANSIENT = frozenset(
    {
        "SourceError",  # time-outs, 429 and 5xx that lasted longer than one request may
        "WarehouseError",  # away, or in use by another process
        "OperationalError",
        "InterfaceError",
        "Undelivered",
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
TRIES_LIMIT = 2  # hung work takes its whole limit each time
LONGEST = timedelta(minutes=5)


def tries(error_class: str, said: str) -> int:
    """How often a step is tried in all that ends with such an error."""
    if error_class == "Limit":
        return TRIES_LIMIT
    if error_class in TRANSIENT or PASSING.search(said):
        return TRIES
    return 1 if error_class in FINAL else TRIES_UNKNOWN


def pause(failed: int) -> timedelta:
    """How long to wait after so many failed tries: from 1 s on, doubled each time, with jitter."""
    longest = min(timedelta(seconds=2 ** (failed - 1)), LONGEST)
    return longest * random.uniform(0.75, 1.25)  # noqa: S311 (no secret is made of it)
