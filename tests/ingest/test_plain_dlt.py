"""A source that plain dlt runs: no ledger, the first-time window, and no table fails in silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from ingest.sources.redtrack import redtrack
from tests.support.vendor import Answer, Request, Vendor, scripted_vendor

SPEND = {"date": "2026-11-18", "source": "A", "source_id": "a", "clicks": 1, "cost": 1.5}


@contextmanager
def vendor(broken: str = "") -> Iterator[Vendor]:
    def answer(asked: Request) -> Answer:
        if broken and broken in asked.path:
            return Answer({"message": "come back later"})
        return Answer([SPEND] if "source" in asked.query.get("group", "") else [])

    with scripted_vendor(answer) as found:
        yield found


def run(tmp_path: Path, source: Any) -> None:
    destination = dlt.destinations.duckdb(str(tmp_path / "scratch.duckdb"))
    dlt.pipeline("plain", str(tmp_path), destination=destination, dataset_name="redtrack").run(
        source
    )


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "home"))


def test_without_dates_all_of_the_first_time_window_is_asked_for(tmp_path: Path) -> None:
    with vendor() as asked:
        source = redtrack("713", api_key="key", base_url=asked.url)
        run(tmp_path, source.with_resources("daily_spend"))
    asked_for = [one.query for one in asked.requests if "date_from" in one.query]
    assert min(query["date_from"] for query in asked_for) == "2026-10-15"
    assert max(query["date_to"] for query in asked_for) == "2026-11-19"
    with duckdb.connect(str(tmp_path / "scratch.duckdb")) as found:
        rows = found.execute("select _client_id, cost from redtrack.daily_spend").fetchall()
    assert rows == [("713", Decimal("1.5"))]
    assert not (tmp_path / "home").exists()


def test_a_table_that_fails_raises_and_loads_nothing(tmp_path: Path) -> None:
    with vendor(broken="/campaigns") as asked:
        source = redtrack("713", "2026-11-18", "2026-11-18", api_key="key", base_url=asked.url)
        with pytest.raises(PipelineStepFailed, match="campaigns"):
            run(tmp_path, source)
    with duckdb.connect(str(tmp_path / "scratch.duckdb")) as found:
        tables = found.execute("select table_name from duckdb_tables()").fetchall()
    assert [name for (name,) in tables if not name.startswith("_dlt")] == []
