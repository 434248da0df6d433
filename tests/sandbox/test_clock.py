"""Simulated time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sandbox.clock import Calendar, LimitClock, day_bounds
from sandbox.limits import CallWindow, TokenBucket

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)


class Ticker:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_held_calendar_moves_by_itself() -> None:
    ticker = Ticker()
    calendar = Calendar(NOON, ticker=ticker)
    ticker.seconds += 500
    assert calendar.now() == NOON


def test_a_running_calendar_stands_still_or_forgets_where_it_was_set() -> None:
    ticker = Ticker()
    calendar = Calendar(NOON, speed=60, ticker=ticker)
    ticker.seconds += 10
    assert calendar.now() == NOON + timedelta(minutes=10)
    calendar.set_now(NOON - timedelta(days=1))
    assert calendar.now() == NOON - timedelta(days=1)


def test_a_time_without_zone_is_taken_for_some_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Calendar(datetime(2026, 11, 19, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 11, 2), 24)]
)
def test_a_day_of_changing_clocks_has_24_hours(day: date, hours: int) -> None:
    start, end = day_bounds(day)
    assert end - start == hours * 3600


def test_limits_hold_for_ever_while_the_calendar_is_held() -> None:
    ticker = Ticker()
    window = CallWindow(LimitClock(60, ticker))
    assert [window.wait("key", 2) for _ in range(3)] == [0.0, 0.0, 60.0]
    ticker.seconds += 0.5  # half a simulated minute
    assert window.wait("key", 2) == pytest.approx(30.0)
    ticker.seconds += 0.5
    assert window.wait("key", 2) == 0.0
    assert window.wait("other key", 2) == 0.0


def test_a_bucket_fills_beyond_its_burst() -> None:
    ticker = Ticker()
    bucket = TokenBucket(LimitClock(60, ticker))
    assert [bucket.take("key", 1, 2) for _ in range(3)] == [1.0, 0.0, -1.0]
    ticker.seconds += 100
    assert [bucket.take("key", 1, 2) for _ in range(3)] == [1.0, 0.0, -1.0]
