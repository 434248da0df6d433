"""The schedule: no job at the wrong hour, no misspelled source, none forgotten."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from ingest.registry import NAMES
from reports.registry import reports
from scheduler.schedule import Job, read_schedule
from signalroom import clock
from signalroom.errors import ConfigurationError


def job(name: str) -> Job:
    return next(one for one in read_schedule() if one.name == name)


def fires(one: Job, start: datetime, days: int) -> list[str]:
    """The times at which it is due within this many business days, in business time."""
    end = clock.midnight(clock.local_date(start) + timedelta(days=days))
    trigger, found = one.trigger(), []
    moment = trigger.get_next_fire_time(None, start)
    while moment is not None and moment < end:
        found.append(f"{moment.astimezone(clock.zone()):%m-%d %H:%M}")
        moment = trigger.get_next_fire_time(moment, moment + timedelta(seconds=1))
    return found


@pytest.mark.fault(43)
@pytest.mark.parametrize("day", ["2026-11-18", "2026-11-01", "2027-03-14"])
def test_pulls_are_hourly_from_seven_to_eleven_at_night_whatever_the_clocks_do(day: str) -> None:
    start = clock.midnight(datetime.fromisoformat(day).date())
    reports = fires(job("daily_reports"), start, 1)
    assert reports == [f"{day[5:]} 07:{minute:02}" for minute in (0, 15, 30, 45)]
    due = fires(job("hourly"), start, 1) + reports[:1]
    assert sorted(due) == [f"{day[5:]} {hour:02}:00" for hour in range(7, 24)]


def test_restatement_runs_every_night_and_reaches_back_far_on_sunday_night() -> None:
    start = clock.midnight(date(2026, 11, 16))  # a Monday
    assert fires(job("restatement"), start, 7) == [f"11-{day} 05:30" for day in range(16, 23)]
    assert fires(job("deep_restatement"), start, 7) == ["11-22 23:30"]
    assert (job("restatement").days, job("deep_restatement").days) == (35, 95)


def test_weekly_reports_go_out_on_mondays_at_half_past_seven() -> None:
    start = clock.midnight(date(2026, 11, 16))
    assert fires(job("monday_reports"), start, 7)[:2] == ["11-16 07:30", "11-16 07:45"]
    weekly = {name for name, report in reports().items() if report.period == "weekly"}
    assert set(job("monday_reports").reports) == weekly


def test_no_report_of_the_calendar_is_forgotten() -> None:
    by_calendar = {name for name, report in reports().items() if report.period != "event"}
    assert {name for one in read_schedule() for name in one.reports} == by_calendar


def test_no_source_is_forgotten() -> None:
    assert {source for one in read_schedule() for source in one.sources} == set(NAMES)


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("{cron: '0 7 * * *', sources: [everflo], limit: 5}", "job x.*everflo"),
        ("{cron: '0 7 * * *', sources: everflow, limit: 5}", "job x.*a list"),
        ("{cron: '0 7 * * *', reports: [weekly], limit: 5}", "job x.*weekly"),
        ("{cron: '0 7 * * *', reports: [alert], limit: 5}", "job x.*alert"),
        ("{cron: '99 7 * * *', sources: [redtrack], limit: 5}", "job x"),
        ("{cron: '0 7 * * 1', sources: [redtrack], limit: 5}", "job x.*names"),
        ("{cron: '0 7 * * *', sources: [redtrack]}", "job x.*limit"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 0}", "job x.*limit"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 5, days: -1}", "job x.*days"),
        ("{cron: '0 7 * * *', limit: 5}", "job x.*neither"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 5, colour: red}", "job x.*colour"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 5, catch_up: one}", "job x.*catch_up"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 5, within: soon}", "job x.*within"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 5, notify: {success: [fax]}}", "fax"),
        ("{cron: '0 7 31 feb *', sources: [redtrack], limit: 5}", "job x.*is never due"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 99999999999999999}", "job x.*limit"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 5, days: 99999999999}", "job x.*days"),
        ("{cron: '0 7 * * *', sources: [redtrack], limit: 5, within: 99999999999d}", "x.*within"),
        ("[]", "job x"),
        ("{limit: 5, limit: 6}", "twice"),
    ],
)
def test_a_mistake_stops_the_start_and_is_named(tmp_path: Path, entry: str, names: str) -> None:
    path = tmp_path / "schedule.yml"
    path.write_text(f"jobs:\n  x: {entry}\n")
    with pytest.raises(ConfigurationError, match=names):
        read_schedule(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("jobs: {}  # caf\u00e9".encode("cp1252"), "schedule.yml cannot be read: it is not UTF-8"),
        ("jobs: {}".encode("utf-16"), "schedule.yml cannot be read: it is not UTF-8"),
        (b"", "schedule.yml has no `jobs:`"),
        (b"jobs:\n\tx:\n", "schedule.yml cannot be read: .*line 2"),
    ],
)
def test_a_file_that_is_no_schedule_is_named_in_one_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "schedule.yml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_schedule(path)
    assert "\n" not in str(caught.value)
