"""Backfills of a long range: no repeated work after an interruption, an unchanged cursor."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from ingest import backfill, registry
from ingest import loads as ledger
from ingest import pull as pipeline
from ingest.http import RateLimit
from ingest.model import Window
from scheduler.steps import backfill as steps
from scheduler.steps.ingest import PullResult
from signalroom import source_states
from signalroom.errors import ConfigurationError, SourceError
from signalroom.progress import Silent
from tests.support.processes import signalroom_cli
from tests.support.vendor import Answer, Request, Vendor, scripted_vendor
from tests.support.warehouse import DUCKDB_FIRST, POSTGRES_FIRST, Warehouse

RANGE = Window(date(2026, 7, 1), date(2026, 9, 30))


def spend(request: Request) -> Answer:
    """One row for each requested day."""
    if request.path == "/conversions":
        return Answer({"items": [], "total": 0})
    if request.path == "/me/settings":
        return Answer({"currency": "USD"})
    if request.path == "/sources":
        return Answer([{"id": "a", "currency": "USD"}] if request.query["page"] == "1" else [])
    start, end = (date.fromisoformat(request.query[name]) for name in ("date_from", "date_to"))
    days = [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
    return Answer(
        [{"date": str(day), "source": "A", "source_id": "a", "cost": 1.5} for day in days]
    )


def environment(vendor: Vendor) -> dict[str, str]:
    return {
        "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
        "SIGNALROOM_CLIENTS": "713",
        "SIGNALROOM_HTTP_MAX_WAIT_S": "0",
        "REDTRACK_API_KEY": "k",
        "REDTRACK_BASE_URL": vendor.url,
    }


def asked(vendor: Vendor) -> list[str]:
    """The requested days of spend; each is requested once more to detect the end of the list."""
    spent = [one for one in vendor.requests if one.query.get("group") == "date,source"]
    wanted = [one for one in spent if one.query["page"] == "1"]
    return [request.query["date_to"] for request in wanted]


def test_a_long_backfill_has_few_slices_and_an_interrupted_one_repeats_a_quarter_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    for name, days, longest, count in (
        ("everflow", 365, 90, 5),
        ("everflow", 200, 50, 4),
        ("everflow", 92, 30, 4),
        ("everflow", 1, 1, 1),
        ("redtrack", 365, 30, 13),  # its limit of requests, not its loads, takes the time
    ):
        end = date(2026, 11, 18)
        window = Window(end - timedelta(days=days - 1), end)
        parts = backfill.left(registry.source(name), "713", window, is_plan=True)
        sizes = [(part.end - part.start).days + 1 for part in parts]
        assert (max(sizes), len(sizes)) == (longest, count), name
        assert sum(sizes) == days, "no day is left out or read twice"


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_an_interrupted_backfill_goes_on_with_what_is_left(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    monkeypatch.setattr("ingest.sources.redtrack.client.RATE_LIMIT", RateLimit(1_000, 1.0))
    monkeypatch.setattr("ingest.sources.redtrack.client.PATH_LIMITS", {})
    redtrack = registry.source("redtrack")
    with scripted_vendor(spend) as vendor:
        for name, value in environment(vendor).items():
            monkeypatch.setenv(name, value)
        pull = pipeline.make_pull(redtrack, "713", window=RANGE, resources=redtrack.daily)
        parts = backfill.left(redtrack, "713", RANGE)
        assert parts[0].end == RANGE.end
        loads = backfill.run(redtrack, pull, parts)
        next(loads)
        next(loads)
        vendor.answer = lambda request: Answer({"error": "down"}, 500)
        with pytest.raises(SourceError):
            list(loads)
        left = backfill.left(redtrack, "713", RANGE)  # one more may have finished
        assert left in (parts[2:], parts[3:])

        vendor.answer = spend
        vendor.requests.clear()
        for _ in backfill.run(redtrack, pull, backfill.left(redtrack, "713", RANGE)):
            pass
        assert asked(vendor) == [str(part.end) for part in left]
    rows = warehouse.rows("select count(*), count(distinct date) from redtrack.daily_spend")
    assert rows == [(92, 92)]
    # all done: the same range can be requested again
    assert backfill.left(redtrack, "713", RANGE) == parts


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_a_backfill_never_moves_the_cursor(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    with scripted_vendor(spend) as vendor:
        env = {**warehouse.environment, **environment(vendor)}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        backfilled = ("backfill", "redtrack", "--start", "2026-08-16", "--end", "2026-09-30")
        planned = signalroom_cli(*backfilled, "--dry-run", env=env)
        assert "2 slices left, 46 days, 18 requests" in planned.stdout
        assert vendor.requests == []
        done = signalroom_cli(*backfilled, env=env)
        assert done.returncode == 0, done.stderr
        assert "1 of 2 slices, about 0:0" in done.stdout
        assert "2 of 2 slices, about 0:00:00 left" in done.stdout
        assert asked(vendor) == sorted(asked(vendor), reverse=True)
        assert len(vendor.requests) == 16
    assert ledger.coverage("713", "redtrack", ("daily_spend",)) is None


def test_a_source_without_days_says_so() -> None:
    with pytest.raises(ConfigurationError, match="no history by day"):
        backfill.left(registry.source("s3_exports"), "713", RANGE)


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_lost_key_is_a_failure_and_a_paused_source_is_not_requested(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with any pull; a source that was never on is neither of the two."""
    warehouse.activate(monkeypatch)
    source_states.record_on([("713", "redtrack")])
    asked_for = ("redtrack", RANGE.start, RANGE.end, ("713",), Silent())
    found = steps.backfill(*asked_for)
    [failure] = found.failures
    assert "REDTRACK_API_KEY is not set, but the source has been on since" in failure
    heard: list[PullResult] = []
    assert list(steps.backfill_plans(*asked_for, heard.append)) == []
    assert heard[0].failures == (failure,)
    monkeypatch.setenv("REDTRACK_API_KEY", "k")
    monkeypatch.setenv("REDTRACK_BASE_URL", "http://127.0.0.1:9")
    source_states.pause("redtrack", ["713"])
    [one] = steps.backfill(*asked_for).pulls
    assert one.paused
    assert not one.failures
