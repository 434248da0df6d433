"""Counts requests to vendors by source, client and response status."""

from __future__ import annotations

import threading
from collections import Counter

# Any other status is counted by its class (5xx), so that labels stay few.
KNOWN = frozenset({200, 201, 202, 204, 400, 401, 403, 404, 409, 422, 429})
NO_ANSWER = "none"

Key = tuple[str, str, str]  # source, client, status

_lock = threading.Lock()
_requests: Counter[Key] = Counter()
_waits: Counter[tuple[str, str]] = Counter()


def answered(source: str, client_id: str, status: int | None) -> None:
    """Count a request; None means no response."""
    with _lock:
        _requests[source, client_id, _label(status)] += 1


def waited(source: str, client_id: str, milliseconds: int) -> None:
    """Count how long a request waited for its vendor's rate limit."""
    with _lock:
        _waits[source, client_id] += milliseconds


def taken(source: str, client_id: str) -> tuple[dict[str, int], int]:
    """A client's requests to a source by status, and milliseconds waited, since the last call."""
    with _lock:
        mine = {key: count for key, count in _requests.items() if key[:2] == (source, client_id)}
        for key in mine:
            del _requests[key]
        return {key[2]: count for key, count in mine.items()}, _waits.pop((source, client_id), 0)


def _label(status: int | None) -> str:
    if status is None:
        return NO_ANSWER
    return str(status) if status in KNOWN else f"{status // 100}xx"
