"""Rate limits in simulated time, and the vendors' caps on one response."""

import threading
from collections import deque
from dataclasses import dataclass

from sandbox.clock import LimitClock


@dataclass
class Caps:
    """Vendors' documented limits. Tests lower them to reach a limit with little data."""

    everflow_rows: int = 10_000  # entity table; more is cut off and flagged
    everflow_clicks: int = 10_000  # click stream; more is cut off silently
    everflow_per_second: float = 30.0
    everflow_burst: int = 50
    everflow_page: int = 2_000  # largest page of conversions
    redtrack_reports_per_minute: int = 20
    redtrack_page: int = 1_000
    redtrack_list_page: int = 1_000  # campaigns, sources, offers; undocumented
    redtrack_conversions_page: int = 10_000
    sheets_reads_per_minute: int = 60  # for each user
    posthog_per_minute: int = 240  # queries and events
    posthog_queries_per_hour: int = 120  # without the organization's queries feature
    posthog_lists_per_minute: int = 480  # feature flags and experiments
    posthog_rows: int = 50_000  # of one query
    posthog_events_page: int = 1_000
    mautic_token_s: float = 3_600.0  # lifetime of a token, on the real clock
    slack_per_minute: int = 60  # messages to one channel
    resend_per_second: float = 2.0
    resend_burst: int = 10


class TokenBucket:
    """`burst` calls at once, refilled with `rate` tokens per simulated second."""

    def __init__(self, clock: LimitClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state: dict[str, tuple[float, float]] = {}

    def take(self, key: str, rate: float, burst: int) -> float:
        """Tokens left after this call; negative if the call is refused."""
        with self._lock:
            now = self._clock.seconds()
            tokens, then = self._state.get(key, (float(burst), now))
            tokens = min(float(burst), tokens + (now - then) * rate)
            if tokens < 1.0:
                self._state[key] = (tokens, now)
                return -1.0
            self._state[key] = (tokens - 1.0, now)
            return tokens - 1.0


class CallWindow:
    """A maximum of calls in any `seconds` simulated seconds; refused calls do not count."""

    def __init__(self, clock: LimitClock, seconds: float = 60.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = {}

    def wait(self, key: str, limit: int) -> float:
        """0 if the call is allowed, else the simulated seconds until it would be."""
        with self._lock:
            now = self._clock.seconds()
            calls = self._calls.setdefault(key, deque())
            while calls and now - calls[0] >= self._seconds:
                calls.popleft()
            if len(calls) >= limit:
                return self._seconds - (now - calls[0])
            calls.append(now)
            return 0.0
