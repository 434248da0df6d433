"""What goes wrong with kept facts: a file shut to a step, an old answer for ever, none at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import read_schedule
from scheduler.status import freshness as facts
from scheduler.status.freshness import KeptFacts
from signalroom import clock
from signalroom.errors import WarehouseError
from tests.scheduler import story
from tests.support.warehouse import Warehouse, empty_warehouse

RESOLVE = "update ops.dead_letters set resolved_at = created_at"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", story.NOW)
        monkeypatch.setattr(facts, "WAIT_S", 0.1)
        story.tell(warehouse)
        yield warehouse


def waiting(kept: KeptFacts) -> int:
    """Dead letters, as the facts have them."""
    return sum(one.count for one in kept(read_schedule()).letters)


def end_runs() -> None:
    with WorkLedger() as ledger:
        for run in ledger.running():
            assert ledger.settle(run.run_id, run.owner or "", "done", finished_at=clock.instant())


def test_facts_are_kept_for_a_while_and_while_a_run_is_at_work(
    told: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptFacts()
    assert waiting(kept) == 3
    told.execute(RESOLVE)
    assert waiting(kept) == 3
    monkeypatch.setattr(facts, "KEPT_FOR_S", 0.0)
    assert waiting(kept) == 3  # the story's run is at work
    end_runs()
    assert waiting(kept) == 0


def test_facts_outlast_a_writer_and_say_how_old_they_are(
    told: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptFacts()
    path = told.home / "warehouse.duckdb"
    end_runs()
    first = kept(read_schedule())
    monkeypatch.setattr(facts, "KEPT_FOR_S", 0.0)
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T11:35:00-05:00")
    broken = path.with_suffix(".aside")
    path.rename(broken)
    path.write_bytes(b"nothing that DuckDB can open")
    later = kept(read_schedule())
    assert (later.at, later.letters) == (first.at, first.letters)
    late = {(one.source, one.client_id) for one in later.freshness if one.is_late}
    assert late == {("everflow", "713"), ("everflow", "cti"), ("redtrack", "713")}
    with pytest.raises(WarehouseError):
        KeptFacts()(read_schedule())


def test_a_client_that_is_switched_off_is_not_late(
    told: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_CLIENTS", "cti")
    found = facts.read_facts(read_schedule())
    assert [(one.source, one.client_id) for one in found.freshness] == [("everflow", "cti")]


def test_a_source_of_no_job_is_never_late(told: Warehouse) -> None:
    jobs = [replace(job, sources=("s3_exports",)) for job in read_schedule()]
    found = {one.source: one for one in facts.read_facts(jobs).freshness}
    assert found["redtrack"].due_at is None
    assert not found["redtrack"].is_late
    assert found["s3_exports"].due_at is not None


def test_reading_shuts_nobody_out_for_long(told: Warehouse) -> None:
    kept = KeptFacts()
    kept(read_schedule())
    with duckdb.connect(str(told.home / "warehouse.duckdb")) as writer:
        assert writer.execute("select 1").fetchall() == [(1,)]
