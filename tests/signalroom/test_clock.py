"""Time: late evenings, UTC containers, days of a clock change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from signalroom import clock
from signalroom.errors import ConfigurationError


@pytest.mark.parametrize(
    ("frozen", "today"),
    [
        pytest.param("2026-11-18T23:30:00-05:00", "2026-11-18", id="half past eleven in New York"),
        pytest.param("2026-11-19T01:00:00+00:00", "2026-11-18", id="20:00 in a UTC container"),
        pytest.param("2026-11-19T04:59:59Z", "2026-11-18", id="a second before midnight"),
        pytest.param("2026-11-19T05:00:00Z", "2026-11-19", id="midnight"),
        pytest.param("2026-07-01T03:59:59Z", "2026-06-30", id="summer time"),
        pytest.param("2026-11-18T23:30:00", "2026-11-18", id="no offset: business time"),
    ],
)
def test_today_is_the_business_day(
    monkeypatch: pytest.MonkeyPatch, frozen: str, today: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", frozen)
    assert clock.today().isoformat() == today


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 11, 18), 24)],
)
def test_days_of_a_clock_change_are_not_24_hours(day: date, hours: int) -> None:
    length = clock.midnight(day + timedelta(days=1)) - clock.midnight(day)
    assert length == timedelta(hours=hours)


def test_a_day_closes_at_its_own_midnight_not_at_utc_midnight() -> None:
    day = date(2026, 11, 18)
    assert not clock.is_closed(day, datetime(2026, 11, 19, 4, 59, tzinfo=UTC))
    assert clock.is_closed(day, datetime(2026, 11, 19, 5, 0, tzinfo=UTC))


def test_load_instants_are_never_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2001-01-01T00:00:00Z")
    assert clock.instant() > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIGNALROOM_NOW", "yesterday"),
        ("SIGNALROOM_NOW", "9999-12-31T23:00:00"),
        ("SIGNALROOM_TIMEZONE", "Mars/Base"),
    ],
)
def test_a_malformed_time_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        clock.today()


@pytest.mark.parametrize("factor", ["fast", "-1", "nan", "inf", "1e9"])
def test_a_factor_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, factor: str) -> None:
    monkeypatch.setenv("SIGNALROOM_CLOCK_FACTOR", factor)
    with pytest.raises(ConfigurationError, match="SIGNALROOM_CLOCK_FACTOR is"):
        clock.factor()


@pytest.mark.parametrize("name", ["America", "us/eastern", "../UTC", "Eastern Time", "x" * 300])
def test_what_is_no_zone_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SIGNALROOM_TIMEZONE", name)
    with pytest.raises(ConfigurationError, match="use an IANA name such as America/New_York"):
        clock.zone()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("US/Eastern", "America/New_York", True),
        ("Etc/UTC", "UTC", True),
        ("America/Chicago", "America/New_York", False),
        ("America/Phoenix", "America/Denver", False),
    ],
)
def test_an_alias_of_a_zone_is_known_by_its_rules(one: str, other: str, same: bool) -> None:
    assert clock.has_same_rules(ZoneInfo(one), ZoneInfo(other)) is same


@pytest.mark.parametrize(
    ("zone", "is_fixed"),
    [
        ("EST", True),
        ("Etc/GMT+5", True),
        ("EST5EDT", False),
        ("America/Phoenix", False),
        ("UTC", False),
        ("Etc/UTC", False),
        ("Japan", False),
        ("Singapore", False),
        ("Turkey", False),
        ("Asia/Kolkata", False),
        ("HST", True),
    ],
)
def test_an_abbreviation_without_daylight_saving_time_is_no_place(
    zone: str, is_fixed: bool
) -> None:
    assert clock.is_fixed_offset(zone) is is_fixed


def test_a_rehearsal_shows_what_ran_by_its_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    real = clock.instant() - timedelta(minutes=2)
    assert clock.business(real) == real
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T07:00:00-05:00")
    assert clock.business(real) == real, "a clock that stands has no earlier times"
    monkeypatch.setenv("SIGNALROOM_CLOCK_SINCE", real.isoformat())
    monkeypatch.setenv("SIGNALROOM_CLOCK_FACTOR", "60")
    shown = clock.business(real)
    began = datetime(2026, 11, 19, 12, tzinfo=UTC)
    assert abs(shown - began) < timedelta(seconds=30)
    loaded = clock.business(real - timedelta(minutes=8))
    assert abs(loaded - began) < timedelta(seconds=30), "the clock stood before it was started"
