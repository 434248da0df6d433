"""The schedule at random instants: no hour is lost or doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.planning import due
from scheduler.schedule import Job, due_between, next_due, read_schedule
from signalroom import clock

JOBS = read_schedule()
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 730 * 86400).map(lambda seconds: FIRST + timedelta(seconds=seconds))
PARTS = st.integers(0, 3 * 24 * 60)


@pytest.mark.fault(43, 44)
@settings(max_examples=120, deadline=None)
@given(start=INSTANTS, minutes=st.tuples(PARTS, PARTS, PARTS), job=st.sampled_from(JOBS))
def test_however_often_it_is_asked_each_instant_comes_once(
    start: datetime, minutes: tuple[int, int, int], job: Job
) -> None:
    looks = [start]
    for one in sorted(minutes):
        looks.append(start + timedelta(minutes=one))
    in_parts = [
        one.at for before, after in pairwise(looks) for one in due_between([job], before, after)
    ]
    at_once = [one.at for one in due_between([job], looks[0], looks[-1])]
    assert in_parts == at_once == sorted(set(at_once))
    local = [at.astimezone(clock.zone()).replace(tzinfo=None) for at in at_once]
    assert len(set(local)) == len(local), "no hour of a wall clock is worked twice"
    assert [turn.at for turn in due(job, looks[0], looks[-1])] == at_once
    following = next_due(job, start)
    assert following is None or following > start
    assert not at_once or following == at_once[0]


@settings(max_examples=60, deadline=None)
@given(now=INSTANTS, job=st.sampled_from(JOBS), back=st.integers(0, 400 * 24 * 60))
def test_an_outage_of_any_length_makes_no_job_run_more_often_than_its_policy_says(
    now: datetime, job: Job, back: int
) -> None:
    turns = due(job, now - timedelta(minutes=back), now)
    begun = [turn for turn in turns if not turn.skipped]
    if job.catch_up == "latest":
        assert len(begun) <= 1
    assert all(now - timedelta(days=36) < turn.at <= now for turn in turns)
