"""Planned faults: a vendor's next responses fail in a chosen way."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from sandbox.clock import Calendar
from sandbox.errors import SandboxError

Kind = Literal[
    "status",  # any status, JSON error body
    "status_500",
    "status_429",  # with Retry-After when `retry_after` is given
    "hang",  # waits `seconds` of real time, then answers normally
    "truncated_body",  # announces the whole body, sends half
    "close_connection",  # no response, nothing done
    "accept_then_close",  # processes the request, then no response
    "accept_then_hang",  # the same, after `seconds`
    "ok_false",  # Slack, Mautic: 200 with this `error`
    "bad_json",
    "wrong_type",  # 200 with an HTML page
    "redirect_foreign",
    "incomplete_results",  # Everflow: part of the rows and the flag
]
EVER = 1_000_000_000  # times: as long as it lasts
Match = str | Callable[[str], bool] | None


@dataclass
class Fault:
    """`match` is a part of "METHOD path?query body", or a function of that text.

    Where `since` is given, `retry_after` is in simulated seconds too.
    """

    vendor: str
    kind: Kind
    times: int
    match: Match = None
    status: int = 500
    retry_after: float | None = None
    seconds: float = 0.0
    error: str = "internal_error"
    location: str = "http://collector.invalid/"
    since: datetime | None = None  # simulated; from then on
    until: datetime | None = None  # and before

    def fits(self, request: str, now: datetime) -> bool:
        if self.since is not None and now < self.since:
            return False
        if self.until is not None and now >= self.until:
            return False
        if self.match is None:
            return True
        return self.match in request if isinstance(self.match, str) else self.match(request)


class Faults:
    def __init__(self, vendors: tuple[str, ...], calendar: Calendar) -> None:
        self._vendors = vendors
        self._calendar = calendar
        self._lock = threading.Lock()
        self._planned: list[Fault] = []

    def plan(
        self,
        vendor: str,
        kind: Kind,
        times: int = 1,
        match: Match = None,
        *,
        status: int = 500,
        retry_after: float | None = None,
        seconds: float = 5.0,
        error: str = "internal_error",
        location: str = "http://collector.invalid/",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Fault:
        """The next `times` matching requests to `vendor` get this fault; plans are queued.

        With `since` and `until` only requests at simulated instants in between do.

        Raises SandboxError for a vendor or a kind that does not exist.
        """
        if vendor not in self._vendors:
            raise SandboxError(f"no vendor {vendor!r}; there are {', '.join(self._vendors)}")
        if kind not in get_args(Kind):
            raise SandboxError(f"no fault {kind!r}; there are {', '.join(get_args(Kind))}")
        fault = Fault(
            vendor, kind, times, match, status, retry_after, seconds, error, location, since, until
        )  # fmt: skip
        with self._lock:
            self._planned.append(fault)
        return fault

    def take(self, vendor: str, request: str) -> Fault | None:
        """The first plan that fits, used up by one."""
        now, speed = self._calendar.now(), self._calendar.speed
        with self._lock:
            for fault in self._planned:
                if fault.vendor == vendor and fault.times > 0 and fault.fits(request, now):
                    fault.times -= 1
                    if fault.since and fault.retry_after and speed:
                        return replace(fault, retry_after=fault.retry_after / speed)
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()

    @property
    def planned(self) -> list[Fault]:
        """Every plan since the last `clear`, used up or not."""
        with self._lock:
            return list(self._planned)

    @property
    def pending(self) -> list[Fault]:
        """Plans that have not been used up."""
        with self._lock:
            return [fault for fault in self._planned if fault.times > 0]
