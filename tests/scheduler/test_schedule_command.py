"""The agenda: correct hours after a clock change, and no job missing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.schedule import due_between, last_due, next_due, read_schedule
from tests.support.processes import signalroom_cli

SCHEDULE = """
deadline: "07:45"
jobs:
  files: {cron: "0 6 * * *", sources: [s3_exports], limit: 60}
  hourly: {cron: "0 8-23 * * *", sources: [everflow], reports: [daily_ccw], limit: 30}
  deep: {cron: "30 5 * * sun", sources: [everflow], days: 95, limit: 120}
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
def schedule_file(tmp_path: Path) -> Path:
    path = tmp_path / "schedule.yml"
    path.write_text(SCHEDULE, encoding="utf-8")
    return path


def ask(now: str, *arguments: str) -> str:
    said = signalroom_cli("schedule", *arguments, env={"SIGNALROOM_NOW": now})
    assert said.returncode == 0, said.stderr
    return said.stdout


@pytest.mark.parametrize(
    ("midnight", "offset"),
    [("2026-11-01T00:00:00", "-05:00"), ("2027-03-14T00:00:00", "-04:00")],
)
def test_a_day_of_a_clock_change_has_each_job_once(midnight: str, offset: str) -> None:
    found: list[dict[str, Any]] = json.loads(ask(midnight, "--json"))
    counts = Counter(one["job"] for one in found)
    assert counts["s3_files"] == 1
    assert {one["at"][11:] for one in found if one["job"] == "hourly"} >= {
        f"{hour:02}:00:00{offset}" for hour in range(8, 23)
    }
    for one in found:
        assert at(one["at"]) == at(one["at_utc"])
    files = next(one for one in found if one["job"] == "s3_files")
    assert files["at"] == f"{midnight[:10]}T06:00:00{offset}"
    assert (files["sources"], files["reports"], files["window_days"]) == (["s3_exports"], [], None)
    assert 35 in [one["window_days"] for one in found]


def test_people_read_local_times_within_80_columns() -> None:
    text = ask("2026-10-31T22:30:00", "--hours", "8")
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    lines = [line.split() for line in text.splitlines()]
    assert ["Sat", "31", "11:00", "PM", "hourly"] in [one[:5] for one in lines]
    sunday = next(line for line in lines if line[:2] == ["Sun", "1"])
    assert sunday[2:4] == ["5:30", "AM"]
    assert "6:00 AM" not in text  # eight and a half hours ahead: the night is longer


def test_a_day_is_a_few_lines_and_all_of_it_on_demand() -> None:
    collapsed = ask("2026-11-18T00:00:00")
    assert len(collapsed.splitlines()) < 30
    assert "11:00 PM, 16" in collapsed
    assert ask("2026-11-18T00:00:00", "--all").count("hourly") == 16


def test_the_edges_of_the_hours_belong_to_one_side_only(schedule_file: Path) -> None:
    jobs = read_schedule(schedule_file)
    eight = at("2026-11-18T08:00:00-05:00")
    found = due_between(jobs, eight, eight + timedelta(hours=1))
    assert [(one.at, one.job.name) for one in found] == [(eight + timedelta(hours=1), "hourly")]
    assert next_due(jobs[1], eight) == eight + timedelta(hours=1)
    assert next_due(jobs[2], eight) == at("2026-11-22T05:30:00-05:00")


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        pytest.param("2026-11-18T12:29:59-05:00", "2026-11-18T11:00:00-05:00", id="within limit"),
        pytest.param("2026-11-18T12:30:00-05:00", "2026-11-18T12:00:00-05:00", id="limit over"),
        pytest.param("2026-11-19T07:00:00-05:00", "2026-11-18T23:00:00-05:00", id="over night"),
        pytest.param("2026-11-22T07:30:00-05:00", "2026-11-22T05:30:00-05:00", id="another job"),
    ],
)
def test_a_source_is_due_once_the_limit_of_its_job_is_over(
    schedule_file: Path, moment: str, due: str
) -> None:
    jobs = read_schedule(schedule_file)
    assert last_due(jobs, "everflow", at(moment)) == at(due)
    assert last_due(jobs, "mautic", at(moment)) is None


def test_what_is_due_once_a_week_is_still_due_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "weekly.yml"
    path.write_text(SCHEDULE.replace("0 8-23 * * *", "0 8 * * mon"), encoding="utf-8")
    due = last_due(read_schedule(path), "everflow", at("2026-11-22T05:00:00-05:00"))
    assert due == at("2026-11-16T08:00:00-05:00")
