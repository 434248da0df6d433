"""A year: no run is lost or doubled by a clock change, an outage or a restart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from scheduler.runs.ledger import Run
from scheduler.schedule import Job, due_between, read_schedule
from tests.scheduler.simulation import ZONE, Life, expected

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(900)]
# (first day, days)
SPANS = [pytest.param((date(2026, 6, 1), 365), id="a year")]
EVERY_DAY = set(range(7))
TIMES = {
    "restatement": [(EVERY_DAY, 5, 30)],
    "deep_restatement": [({6}, 23, 30)],
    "s3_files": [(EVERY_DAY, 6, 0)],
    "audience": [(EVERY_DAY, 6, 15)],
    "daily_reports": [(EVERY_DAY, 7, minute) for minute in (0, 15, 30, 45)],
    "monday_reports": [({0}, hour, minute) for hour in (7, 8, 9) for minute in (30, 45)],
    "hourly": [(EVERY_DAY, hour, 0) for hour in range(8, 24)],
}
CHANGES = (date(2026, 11, 1), date(2027, 3, 14))


@dataclass(frozen=True)
class Year:
    """The result of a year; `outages` are (from, until)."""

    first: date
    days: int
    runs: dict[str, dict[datetime, Run]]
    open_runs: list[Run]
    outages: list[tuple[datetime, datetime]]
    life: Life

    def was_down(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.outages)


def outages(life: Life, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Outages of minutes, hours and days."""
    lengths = (timedelta(minutes=11), timedelta(hours=4), timedelta(minutes=11), timedelta(days=2))
    found: list[tuple[datetime, datetime]] = []
    begin = start + timedelta(days=5)
    while begin < end - timedelta(days=7):
        begin += timedelta(minutes=life.agency.random.randint(0, 1440))
        found.append((begin, begin + lengths[len(found) % len(lengths)]))
        begin += timedelta(days=13)
    return found


@pytest.fixture(scope="module", params=SPANS)
def year(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Year]:
    """Every minute with an event, with crashes in the middle of steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNALROOM_HOME", str(tmp_path_factory.mktemp("year")))
        jobs = [job for job in read_schedule() if job.name in TIMES]
        first, days = request.param
        start = datetime.combine(first, datetime.min.time(), tzinfo=ZONE).astimezone(UTC)
        end = start + timedelta(days=days)
        life = Life(jobs, start, seed=713)
        # real processes on the days of a clock change
        life.is_real = lambda now: now.astimezone(ZONE).date() in CHANGES
        away = outages(life, start, end)
        life.tick(start)
        moments = {one.at for one in due_between(jobs, start, end)}
        moments |= {until for _, until in away}
        for number, moment in enumerate(sorted(moments)):
            if any(begin <= moment < until for begin, until in away):
                continue
            late = timedelta(seconds=life.agency.random.randint(0, 59))
            life.tick(max(moment + late, life.agency.now))
            if number % 50 == 0:  # the machine's clock is set back, and then right again
                life.tick(moment - timedelta(hours=1))
                life.agency.now = moment + late
                life.tick(life.agency.now)  # the next minute
            life.work(mishap=0.004)
        life.agency.now = max(end, life.agency.now) + timedelta(hours=3)
        life.work()
        runs: dict[str, dict[datetime, Run]] = {}
        for run in life.ledger.recent(limit=10**6):
            if "~" in run.dedupe_key:  # the clock was set back after it: its instant came twice
                continue
            assert run.scheduled_for not in runs.setdefault(run.job, {})
            runs[run.job][run.scheduled_for] = run
        yield Year(first, days, runs, life.ledger.open_runs(), away, life)
        life.ledger.close()


def test_every_due_instant_has_exactly_one_run_and_each_run_an_end(year: Year) -> None:
    assert {job: set(runs) for job, runs in year.runs.items()} == expected(
        TIMES, year.first, year.days
    )
    assert year.open_runs == []
    assert year.life.deaths > 20
    assert year.life.agency.begun["real"] > 100


def test_a_run_is_left_out_only_for_a_newer_one_or_because_it_is_too_old(year: Year) -> None:
    within = {job.name: job.within for job in year.life.jobs}
    for name, runs in year.runs.items():
        for at, run in runs.items():
            if run.status != "skipped":
                assert run.started_at is not None
                continue
            newer = [one for one in runs.values() if one.scheduled_for > at and one.started_at]
            assert any(one.scheduled_for - at < timedelta(days=8) for one in newer), run
            assert "superseded by" in str(run.error) or within[name] < timedelta(days=2), run
            assert year.was_down(at) or "superseded by" in str(run.error), run


def test_the_newest_missed_run_is_made_up_for_and_no_other(year: Year) -> None:
    jobs: dict[str, Job] = {job.name: job for job in year.life.jobs}
    for begin, until in year.outages:
        for name, runs in year.runs.items():
            missed = sorted(at for at in runs if begin <= at < until)
            ran = [at for at in missed if runs[at].status != "skipped"]
            in_time = [at for at in missed if until - at < jobs[name].within]
            due_then = any(at == until for at in runs)
            assert ran == ([] if due_then else in_time[-1:]), (name, begin)


def test_each_edition_of_each_report_is_sent_once_and_every_day_is_told(year: Year) -> None:
    sent = year.life.agency.sent
    assert set(sent.values()) <= {0, 1}
    complete = Counter(
        name for (name, _, edition), count in sent.items() if edition == "complete" and count
    )
    told = {day for (_, day, _), count in sent.items() if count}
    for name in ("daily_ccw", "daily_exp"):
        assert complete[name] > year.days * 0.95
    for day in (year.first + timedelta(days=offset) for offset in range(year.days - 1)):
        evening = datetime.combine(day + timedelta(days=1), datetime.max.time(), tzinfo=ZONE)
        morning = evening.replace(hour=8, minute=0)
        was_up = not all(year.was_down(morning + timedelta(hours=hour)) for hour in range(16))
        assert day in told or not was_up, day


@pytest.mark.parametrize("day", CHANGES)
def test_a_day_of_a_clock_change_has_seventeen_pulls_and_one_report(year: Year, day: date) -> None:
    begun = [
        run
        for job in ("hourly", "daily_reports")
        for run in year.runs[job].values()
        if run.day == day and run.scheduled_for.astimezone(ZONE).minute == 0
    ]
    assert len(begun) == 17
    assert all(run.status in ("done", "done_with_errors", "failed") for run in begun)
