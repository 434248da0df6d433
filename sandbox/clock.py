"""Simulated time.

There are two clocks. The calendar decides what vendors know; it can be held, so that a test gets
the same answer twice. The limit clock never stops: rate limits would otherwise last forever once a
bucket is empty.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("America/New_York")
DEFAULT_NOW = datetime(2026, 11, 19, 9, 30, tzinfo=BUSINESS_ZONE)

Ticker = Callable[[], float]


class Calendar:
    """The agency's date and time of day. `speed` is simulated seconds per real second; 0 holds."""

    def __init__(self, now: datetime, speed: float = 0.0, ticker: Ticker = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._ticker = ticker
        self.speed = speed
        self._anchor = _aware(now)
        self._started = ticker()

    def now(self) -> datetime:
        """Simulated instant, in UTC."""
        with self._lock:
            passed = (self._ticker() - self._started) * self.speed
            return self._anchor + timedelta(seconds=passed)

    def epoch(self) -> int:
        """Simulated instant as whole seconds since 1970."""
        return int(self.now().timestamp())

    def today(self) -> date:
        """Simulated date in the business zone."""
        return self.now().astimezone(BUSINESS_ZONE).date()

    def set_now(self, now: datetime) -> None:
        with self._lock:
            self._anchor = _aware(now)
            self._started = self._ticker()

    def run(self, speed: float) -> None:
        """Continue from here at `speed` simulated seconds per real second; 0 holds."""
        now = self.now()
        with self._lock:
            self._anchor, self._started, self.speed = now, self._ticker(), speed


class LimitClock:
    """Seconds for rate limits: simulated, `rate` times real time, never held."""

    def __init__(self, rate: float = 60.0, ticker: Ticker = time.monotonic) -> None:
        self.rate = rate
        self.ticker = ticker

    def seconds(self) -> float:
        return self.ticker() * self.rate

    def real_seconds(self, simulated: float) -> float:
        """How long a client must really wait for `simulated` seconds to pass."""
        return simulated / self.rate


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("simulated time needs a time zone")
    return moment.astimezone(UTC)


def day_bounds(day: date, zone: ZoneInfo = BUSINESS_ZONE) -> tuple[int, int]:
    """First second of `day` in `zone` and first second of the next, as epochs."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=zone)
    return int(start.timestamp()), int(end.timestamp())


def local_day(epoch: int, zone: ZoneInfo = BUSINESS_ZONE) -> date:
    return datetime.fromtimestamp(epoch, zone).date()


def days_between(start: date, end: date) -> list[date]:
    """Every day from `start` to `end`, both included."""
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]
