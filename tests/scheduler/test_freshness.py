"""Freshness: not late during a build, known after it, and no step is blocked by reading it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from scheduler.schedule import read_schedule
from scheduler.status import freshness
from signalroom.errors import WarehouseError
from tests.scheduler import story
from tests.support.warehouse import Warehouse, empty_warehouse

RESOLVE = "update ops.dead_letters set resolved_at = created_at"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", story.NOW)
        monkeypatch.setattr(freshness, "WAIT_S", 0.1)
        story.tell(warehouse)
        yield warehouse


def late() -> set[tuple[str, str]]:
    found = freshness.read_freshness(read_schedule()).sources
    return {(one.source, one.client_id) for one in found if one.is_late}


def letters() -> int:
    """Open dead letters, as recorded."""
    return sum(one.count for one in freshness.read_freshness(read_schedule()).letters)


def test_a_pull_during_a_build_is_fresh_at_once(
    told: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While dbt has the file, no one can read ops.loads, but pulls are recorded anyway.

    At the current time, the record from an hour ago alone would count as late.
    """
    with duckdb.connect(str(told.home / "warehouse.duckdb")):
        monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T11:35:00-05:00")
        assert ("everflow", "713") in late()
        pulled = datetime(2026, 11, 19, 16, 2, tzinfo=UTC)
        for tables in (("daily_stats",), ("offers",)):
            freshness.record_pull("713", "everflow", tables, pulled)
        assert late() == {("everflow", "cti"), ("redtrack", "713")}


def test_a_pull_of_some_tables_leaves_the_others_as_old_as_they_are(told: Warehouse) -> None:
    freshness.record_pull(
        "713", "redtrack", ["sources"], datetime(2026, 11, 19, 14, 30, tzinfo=UTC)
    )
    assert late() == {("redtrack", "713")}


def test_letters_that_were_replayed_or_discarded_are_gone_after_the_next_look(
    told: Warehouse,
) -> None:
    assert letters() == 3
    told.execute(RESOLVE)
    assert letters() == 3
    freshness.current_freshness(read_schedule())
    assert letters() == 0


def test_a_look_that_fails_loses_nothing(told: Warehouse) -> None:
    path = told.home / "warehouse.duckdb"
    path.rename(path.with_suffix(".aside"))
    path.write_bytes(b"nothing that DuckDB can open" * 1000)
    with pytest.raises(WarehouseError):
        freshness.refresh()
    found = freshness.current_freshness(read_schedule())
    assert len(found.sources) == 4
    assert letters() == 3


def test_a_client_that_is_switched_off_is_not_late(
    told: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_CLIENTS", "cti")
    found = freshness.read_freshness(read_schedule())
    assert [(one.source, one.client_id) for one in found.sources] == [("everflow", "cti")]


def test_a_source_of_no_job_is_never_late(told: Warehouse) -> None:
    jobs = [replace(job, sources=("s3_exports",)) for job in read_schedule()]
    found = {one.source: one for one in freshness.read_freshness(jobs).sources}
    assert found["redtrack"].due_at is None
    assert not found["redtrack"].is_late
    assert found["s3_exports"].due_at is not None


def test_a_source_that_is_on_and_was_never_loaded_is_late_and_a_paused_one_is_not(
    told: Warehouse,
) -> None:
    told.execute(
        "insert into ops.sources (_client_id, source, state, since) values"
        " ('cti', 'redtrack', 'on', now()), ('713', 'redtrack', 'paused', now())"
    )
    freshness.refresh()
    assert late() == {("redtrack", "cti")}


def test_reading_shuts_nobody_out(told: Warehouse) -> None:
    """The page reads only the run database."""
    with duckdb.connect(str(told.home / "warehouse.duckdb")) as writer:
        freshness.read_freshness(read_schedule())
        assert writer.execute("select 1").fetchall() == [(1,)]
