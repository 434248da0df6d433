"""Problems in the warehouse are incidents while they last, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reports.alerts import findings as troubles
from reports.alerts.incidents import open_incidents
from scheduler.runs.ledger import Run, Step
from scheduler.runs.work_ledger import WorkLedger
from scheduler.status import checks
from signalroom import clock
from tests.support.warehouse import Warehouse, empty_warehouse

NOW = "2026-11-19T09:30:00-05:00"
DAY = date(2026, 11, 19)
LATE = "2026-11-19 05:00:00+00"
TABLES = """
create schema ops; create schema marts;
create table ops.loads (_client_id text, source text, table_name text, as_of timestamptz);
create table ops.dead_letters (
    _client_id text, source text, resolved_at timestamptz, table_name text default 'orders_create',
    reason text default 'no date', created_at timestamptz default now());
create table marts.unmapped_spend
    (_client_id text, date date, source_name text, cost decimal(38, 18));
"""
LETTER = "insert into ops.dead_letters (_client_id, source) values ('cti', 's3_exports')"


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", NOW)
        yield warehouse


def look(*warnings: str) -> dict[tuple[str, str, str], str]:
    checks.check(warnings)
    return {(one.kind, one.client_id, one.subject): one.title for one in open_incidents()}


def test_each_finding_comes_with_its_cause_and_goes_with_it(watched: Warehouse) -> None:
    watched.execute(TABLES)
    assert look() == {}
    watched.execute(
        f"insert into ops.loads values ('713', 'redtrack', 'daily_spend', '{LATE}'),"
        " ('713', 'everflow', 'daily_stats', '2026-11-19 14:05:00+00')"
    )
    watched.execute(
        "insert into ops.dead_letters (_client_id, source) values ('cti', 's3_exports')"
    )
    watched.execute(
        "insert into marts.unmapped_spend values"
        " ('713', '2026-11-17', 'New Source', 11.10), ('713', '2026-11-18', 'New Source', 20),"
        " ('713', '2026-11-18', 'Free Source', 0), ('713', '2026-11-01', 'Old Source', 5),"
        " ('gone', '2026-11-18', 'Whose Source', 5)"
    )
    found = {
        ("source_late", "713", "redtrack"): "RedTrack is late",
        ("dead_letters", "cti", "s3_exports"): "S3 exports: 1 rejected row",
        ("unmapped_spend", "713", "unmapped spend"): "New Source has no affiliate, $20.00",
        ("build_warned", "*", "dbt"): "dbt build: 1 check warns",
    }
    assert look("dbt test not_null_x (m.yml) warns") == found
    look("dbt test not_null_x (m.yml) warns")
    assert {one.count for one in open_incidents()} == {1}, "found again is no repeat"
    (spend,) = [one for one in open_incidents() if one.kind == "unmapped_spend"]
    assert spend.detail.startswith("New Source $20.00 on Wed, Nov 18: listed separately")
    assert "data/clients/713/mappings/internal-affiliates.csv" in spend.repair
    watched.execute(
        "insert into ops.dead_letters (_client_id, source) values ('cti', 's3_exports')"
    )
    assert look()["dead_letters", "cti", "s3_exports"] == ("S3 exports: 2 rejected rows")
    watched.execute("update ops.loads set as_of = '2026-11-19 14:05:00+00'")
    watched.execute("update ops.dead_letters set resolved_at = '2026-11-19 14:05:00+00'")
    watched.execute("delete from marts.unmapped_spend")
    assert look() == {}


def test_only_what_was_read_can_resolve(
    watched: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreadable mart, a process for one client and a partial build resolve nothing."""
    watched.execute(TABLES)
    watched.execute(
        "insert into marts.unmapped_spend values ('713', '2026-11-18', 'New Source', 20),"
        " ('cti', '2026-11-18', 'New Source', 20)"
    )
    watched.execute(
        "insert into ops.dead_letters (_client_id, source) values ('cti', 's3_exports')"
    )
    found = look("dbt test not_null_x (m.yml) warns")
    assert len(found) == 4
    watched.execute("alter table marts.unmapped_spend rename to aside")
    checks.check([], is_whole=False)
    monkeypatch.setenv("SIGNALROOM_CLIENTS", "713")
    watched.execute("update ops.dead_letters set resolved_at = '2026-11-19 14:05:00+00'")
    checks.check([], is_whole=False)
    assert {(one.kind, one.client_id, one.subject) for one in open_incidents()} == found.keys()
    monkeypatch.delenv("SIGNALROOM_CLIENTS")
    watched.execute("alter table marts.aside rename to unmapped_spend")
    watched.execute("delete from marts.unmapped_spend")
    assert look() == {}


def test_spend_that_was_not_read_for_days_is_not_resolved_by_that(
    watched: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RedTrack is down: after three days the newest unmapped spend is an old one."""
    watched.execute(TABLES)
    watched.execute(
        "insert into ops.loads values ('713', 'redtrack', 'daily_spend', '2026-11-19 14:05:00+00')"
    )
    watched.execute(
        "insert into marts.unmapped_spend values ('713', '2026-11-18', 'New Source', 20)"
    )
    found = ("unmapped_spend", "713", "unmapped spend")
    assert found in look()
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-24T09:30:00-05:00")
    assert set(look()) == {found, ("source_late", "713", "redtrack")}
    watched.execute("update ops.loads set as_of = '2026-11-24 14:05:00+00'")
    assert look() == {}


def test_warehouse_without_anything_looks_right(watched: Warehouse) -> None:
    assert look() == {}


def test_late_source_keeps_to_itself_why_it_is_late(watched: Warehouse) -> None:
    def said() -> str:
        checks.check([])
        [detail] = [one.detail for one in open_incidents() if one.kind == "source_late"]
        return detail

    watched.execute(TABLES)
    watched.execute(f"insert into ops.loads values ('713', 'redtrack', 'daily_spend', '{LATE}')")
    assert said().endswith("EST. Existing data is unchanged, and reports name it as late.")
    now = clock.instant()
    with WorkLedger() as ledger:
        ledger.beat_now("host:1:1", 1, now, now - timedelta(minutes=9, seconds=30))
        assert "The scheduler has not run since Nov 19, 9:20 AM EST. Existing" in said()
        begun = now - timedelta(minutes=4, seconds=30)
        step = Step("r", "ingest:redtrack", 0, status="running", started_at=begun)
        run = Run("r", "r", "hourly", now, DAY, "manual", "running", now, steps=(step,))
        ledger.record(run)
    assert "Its pull began Nov 19, 9:25 AM EST and has not ended. Existing" in said()


@pytest.mark.parametrize(("now", "is_late"), [("09:29", False), ("09:31", True)])
def test_source_is_late_once_its_time_and_some_grace_have_passed(
    watched: Warehouse, monkeypatch: pytest.MonkeyPatch, now: str, is_late: bool
) -> None:
    watched.execute(TABLES)
    watched.execute(
        "insert into ops.loads values"
        " ('713', 'everflow', 'daily_stats', '2026-11-19 13:01:00+00')"  # 08:01, due at 09:00
    )
    monkeypatch.setenv("SIGNALROOM_NOW", f"2026-11-19T{now}:00-05:00")
    assert (("source_late", "713", "everflow") in look()) == is_late


def test_source_that_was_never_loaded_or_never_due_is_told_apart() -> None:
    due = datetime(2026, 11, 19, 13, tzinfo=UTC)
    never = troubles.source_late("713", "everflow", None, due)
    assert never is not None
    assert never.detail.startswith("It was never loaded; it was due Nov 19, 8:00 AM EST.")
    late = troubles.source_late("713", "everflow", due - timedelta(minutes=1), due)
    assert late is not None
    assert late.detail.startswith("Last loaded Nov 19, 7:59 AM EST; it was due")
    assert troubles.source_late("713", "everflow", due, due) is None
    assert troubles.source_late("713", "everflow", None, None) is None


def test_every_trouble_says_what_was_kept_and_what_to_do() -> None:
    day = date(2026, 11, 18)
    found = [
        troubles.build_warned(["dbt test a warns"] * 5),
        troubles.dead_letters("713", "s3_exports", 1204),
        troubles.unmapped_spend("713", [troubles.Unmapped(" ", day, Decimal("1.005"))], Decimal(1)),
        troubles.delivery_failed("713", "Slack", "C0X", "daily_ccw", "Slack refused: is_archived"),
    ]
    for one in found:
        assert one.title
        assert one.detail.endswith(".")
        assert one.repair.endswith(".")
    assert "And 2 more." in found[0].detail
    assert found[1].title == "S3 exports: 1,204 rejected rows"
    assert found[2].title == "(no name) has no affiliate, $1.01"


def test_change_of_no_known_cause_is_told_only_where_every_part_was_read(
    watched: Warehouse,
) -> None:
    watched.execute(TABLES)
    watched.execute(
        "create table marts.performance_changes as select '713' as _client_id,"
        " date '2026-11-10' as date, cause"
        " from (values ('unexplained'), ('adjustment')) as t(cause)"
    )
    watched.execute(
        "create table marts.daily_summary as select '713' as _client_id,"
        " date '2026-11-10' as date, true as is_complete"
    )
    assert look() == {}, "conversions were never read"
    fresh = "'2026-11-19 14:05:00+00'"
    for table in ("daily_stats", "conversions", "adjustments"):
        watched.execute(f"insert into ops.loads values ('713', 'everflow', '{table}', {fresh})")
    title = "1 line changed without a known cause"
    assert look() == {("unexplained_change", "713", "changes"): title}
    watched.execute("update marts.daily_summary set is_complete = false")
    assert look() == {}
