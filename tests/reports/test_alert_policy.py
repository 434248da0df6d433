"""The rules of alerts.yml: who is alerted immediately or in the morning, and error messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reports.alerts.policy import policy
from signalroom import clock
from signalroom.errors import ConfigurationError

RULES = """
channels: {critical: [slack, email, sms], warning: [slack, email], notice: [slack]}
quiet_hours: {between: "22:00-07:00", hold_back: [warning, notice]}
clients:
  cti:
    channels: {warning: []}
    quiet_hours: {between: "12:00-13:30"}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.yml"
    path.write_text(RULES)
    return path


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.zone())


def test_shipped_rules_wake_people_for_critical_things_only() -> None:
    shipped = policy("713")
    assert shipped.channels == {
        "critical": ("slack", "email", "sms"),
        "warning": ("slack", "email"),
        "notice": ("slack",),
    }
    night = local("2026-11-19T03:00")
    assert shipped.held_until("critical", night) is None
    for severity in ("warning", "notice"):
        assert shipped.held_until(severity, night) == local("2026-11-19T07:00")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-18T21:59", None),
        ("2026-11-18T22:00", "2026-11-19T07:00"),
        ("2026-11-18T23:59", "2026-11-19T07:00"),
        ("2026-11-19T00:00", "2026-11-19T07:00"),
        ("2026-11-19T06:59:59", "2026-11-19T07:00"),
        ("2026-11-19T07:00", None),
    ],
)
def test_quiet_hours_begin_and_end_when_they_say(at: str, until: str | None) -> None:
    expected = local(until) if until else None
    assert policy("713").held_until("warning", local(at)) == expected


@pytest.mark.parametrize(("evening", "hours"), [("2026-10-31T22:00", 10), ("2027-03-13T22:00", 8)])
def test_night_of_a_clock_change_ends_at_seven_all_the_same(evening: str, hours: int) -> None:
    until = policy("713").held_until("warning", local(evening))
    assert until == local(evening).astimezone(UTC) + timedelta(hours=hours)
    assert until.astimezone(clock.zone()).hour == 7


def test_end_within_the_repeated_hour_is_never_in_the_past(rules: Path) -> None:
    rules.write_text(RULES.replace("22:00-07:00", "22:00-01:30"))
    found = policy("713", rules)
    evening = local("2026-10-31T22:00").astimezone(UTC)
    for minutes in range(0, 600, 10):
        moment = evening + timedelta(minutes=minutes)
        until = found.held_until("warning", moment)
        assert until is None or until > moment


def test_client_may_have_rules_of_its_own(rules: Path) -> None:
    own, other = policy("cti", rules), policy("713", rules)
    assert (own.channels["warning"], own.channels["critical"]) == ((), ("slack", "email", "sms"))
    noon = local("2026-11-19T12:30")
    assert own.held_until("notice", noon) == local("2026-11-19T13:30")
    assert other.held_until("notice", noon) is None
    assert own.held_until("notice", local("2026-11-19T03:00")) is None


def test_quiet_hours_can_be_switched_off(rules: Path) -> None:
    rules.write_text(RULES.replace('"22:00-07:00"', "none"))
    assert policy("713", rules).held_until("warning", local("2026-11-19T03:00")) is None


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("[slack, email]", "[slak]", "alerts.yml, channels, warning: 'slak' is unknown; use slack"),
        ("warning: [slack", "warnings: [slack", "channels: 'warnings' is unknown; use critical"),
        ("notice: [slack]", "", "channels: notice is missing"),
        ("[slack]", "slack", "channels, notice: is 'slack'; write a list such as [slack]"),
        ("22:00-07:00", "22-7", "quiet_hours: between is '22-7'; write it as"),
        ("22:00-07:00", "22:00-22:00", "quiet_hours: between is '22:00-22:00'"),
        ("22:00-07:00", "late", "quiet_hours: between is 'late'"),
        ("12:00-13:30", "noon", "client cti, quiet_hours: between is 'noon'"),
        ("hold_back: [w", "hold: [w", "quiet_hours: 'hold' is unknown; use between, hold_back"),
        ("notice]}", "loud]}", "quiet_hours, hold_back: 'loud' is unknown; use critical"),
        ("  cti:", "  nobody:", "clients: 'nobody' is unknown; use 713, cti"),
        ("clients:", "client:", "the file: 'client' is unknown; use channels"),
        ("{warning: []}", "[]x", "alerts.yml cannot be read"),
        (RULES, "", "the file: is None; it has the keys channels"),
    ],
)
def test_mistake_is_named_with_its_place(rules: Path, right: str, wrong: str, said: str) -> None:
    assert right in RULES
    rules.write_text(RULES.replace(right, wrong))
    with pytest.raises(ConfigurationError) as caught:
        policy("713", rules)  # also if the mistake is in another client's section
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yml cannot be read"):
        policy("713", tmp_path / "none.yml")
