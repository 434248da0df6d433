"""Due times: an outage over the morning, a clock that jumps, a new job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from scheduler.planning import chosen_job, due, record_due
from scheduler.runs.ledger import Pause
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job, read_schedule
from signalroom import clock

JOBS = {job.name: job for job in read_schedule()}
HOURLY = JOBS["hourly"]


def at(day: str, hour: int, minute: int = 0) -> datetime:
    """An instant by the wall clock of the business zone."""
    moment = datetime.fromisoformat(day).replace(hour=hour, minute=minute, tzinfo=clock.zone())
    return moment.astimezone(UTC)


def begins(job: Job, last: datetime, now: datetime) -> list[datetime]:
    return [turn.at for turn in due(job, last, now) if not turn.skipped]


@pytest.mark.fault(42)
def test_down_over_six_and_seven_files_and_report_run_once_and_the_hour_is_coalesced() -> None:
    last, now = at("2026-11-18", 23), at("2026-11-19", 10, 20)
    assert begins(JOBS["s3_files"], last, now) == [at("2026-11-19", 6)]
    assert begins(JOBS["daily_reports"], last, now) == [at("2026-11-19", 7, 45)]
    assert begins(HOURLY, last, now) == [at("2026-11-19", 10)]
    left_out = [turn for turn in due(HOURLY, last, now) if turn.skipped]
    assert [turn.at for turn in left_out] == [at("2026-11-19", 8), at("2026-11-19", 9)]
    assert "superseded by" in left_out[0].skipped


def test_each_policy_makes_up_for_what_it_says() -> None:
    last, now = at("2026-11-18", 23), at("2026-11-19", 10, 20)
    assert len(begins(replace(HOURLY, catch_up="all"), last, now)) == 3
    assert begins(replace(HOURLY, catch_up="skip"), last, now) == []
    eight = at("2026-11-19", 8)
    assert begins(replace(HOURLY, catch_up="skip"), last, eight) == [eight]


def test_what_is_older_than_the_window_is_left_out_and_said_so() -> None:
    turns = due(JOBS["s3_files"], at("2026-11-14", 6), at("2026-11-19", 5))
    assert [turn.at.day for turn in turns] == [15, 16, 17, 18]
    assert [bool(turn.skipped) for turn in turns] == [True, True, True, False]
    assert "longer than" in turns[0].skipped


@pytest.mark.fault(44)
def test_a_clock_that_jumps_back_finds_nothing_and_one_that_jumps_ahead_is_bounded() -> None:
    now = at("2026-11-19", 10)
    assert due(HOURLY, now, now - timedelta(hours=1)) == []
    assert due(HOURLY, now, now) == []
    assert len(begins(HOURLY, now, now + timedelta(days=1))) == 1
    assert len(due(HOURLY, now, now + timedelta(days=400))) < 36 * 16


@pytest.mark.fault(43)
@pytest.mark.parametrize(("day", "hours"), [("2026-11-01", 25), ("2027-03-14", 23)])
def test_a_day_of_a_clock_change_loses_and_doubles_nothing(day: str, hours: int) -> None:
    start = clock.midnight(date.fromisoformat(day))
    end = start + timedelta(hours=hours)
    assert clock.local_date(end - timedelta(minutes=1)) == date.fromisoformat(day)
    every_minute = [start + timedelta(minutes=minute) for minute in range(hours * 60 + 1)]
    found = [turn.at for before, now in pairwise(every_minute) for turn in due(HOURLY, before, now)]
    assert found == [at(day, hour) for hour in range(8, 24)]


def test_what_was_due_before_a_job_was_known_is_nobodys_concern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    with WorkLedger() as ledger:
        now = at("2026-11-19", 7, 59)
        assert record_due(ledger, [HOURLY], "me:1:1", now, now) == 0
        later = at("2026-11-19", 8, 1)
        assert record_due(ledger, [HOURLY], "me:1:1", later, later) == 1
        assert record_due(ledger, [HOURLY], "me:2:1", later, later) == 0
        assert record_due(ledger, [HOURLY], "me:1:1", now, now) == 0
        assert [run.run_id for run in ledger.recent()] == ["hourly-20261119T1300Z"]


@pytest.mark.fault(44)
def test_a_clock_that_was_ahead_for_a_moment_delays_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A month ahead, then correct again: the next hour is recorded, the last one made up for."""
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    before, ahead, after = (
        at("2026-03-11", 12, 59),
        at("2026-04-11", 4),
        at("2026-03-11", 14, 59),
    )
    with WorkLedger() as ledger:
        for now in (before, ahead, after, at("2026-03-11", 15)):
            record_due(ledger, [HOURLY], "x", now, clock.instant())
        runs = {run.run_id: run for run in ledger.recent("hourly", 5000)}
    assert runs["hourly-20260311T1800Z"].status == "due"  # 14:00
    assert runs["hourly-20260311T1900Z"].status == "due"  # 15:00
    assert "which is still to come: the clock was ahead" in caplog.text
    with WorkLedger() as ledger:  # and that future time can still come due
        record_due(ledger, [HOURLY], "x", at("2026-04-11", 3, 59), clock.instant())
        record_due(ledger, [HOURLY], "x", at("2026-04-11", 8), clock.instant())
        assert any(run.scheduled_for == at("2026-04-11", 8) for run in ledger.open_runs())


def test_a_paused_job_is_skipped_until_its_pause_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    with WorkLedger() as ledger:
        record_due(ledger, [HOURLY], "me:1:1", at("2026-11-19", 7, 59), at("2026-11-19", 7, 59))
        ledger.pause_job(Pause("hourly", at("2026-11-19", 7, 59), at("2026-11-19", 9, 30), "moved"))
        for hour in (8, 9, 10):
            now = at("2026-11-19", hour, 1)
            assert record_due(ledger, [HOURLY], "me:1:1", now, now) == 1
        found = [(run.status, run.error) for run in reversed(ledger.recent())]
        said = "paused since Nov 19, 7:59 AM EST until Nov 19, 9:30 AM EST: moved"
        assert found == [("skipped", said), ("skipped", said), ("due", None)]
        assert ledger.resume_job("hourly")
        assert not ledger.resume_job("hourly")


def test_a_source_by_its_name_sends_only_what_is_due() -> None:
    """Before the daily reports' own hour, nothing is sent that the schedule would send later."""
    jobs = read_schedule()
    night = chosen_job("redtrack", jobs, at("2026-11-18", 3))
    morning = chosen_job("redtrack", jobs, at("2026-11-18", 9))
    assert night is not None
    assert morning is not None
    assert (night.sources, night.reports) == (("redtrack",), ())
    assert {"daily_ccw", "daily_exp"} <= set(morning.reports)
    assert chosen_job("hourly", jobs, at("2026-11-18", 3)) == HOURLY
    assert chosen_job("redtrak", jobs, at("2026-11-18", 3)) is None
