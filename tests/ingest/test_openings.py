"""A pull's overhead: each time the embedded warehouse is opened takes a moment."""

from __future__ import annotations

import pytest

from scheduler.steps.ingest import Request, ingest
from signalroom.progress import Silent
from signalroom.warehouse import duckdb_path
from tests.ingest.test_unusable import redtrack
from tests.support.held import release
from tests.support.openings import count_openings
from tests.support.warehouse import Warehouse


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_pull_opens_the_embedded_warehouse_a_few_times(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redtrack(warehouse, monkeypatch):
        assert ingest(Request(("redtrack",), ("713",)), Silent()).failures == []
        release()
        openings = count_openings(monkeypatch, duckdb_path())
        assert ingest(Request(("redtrack",), ("713",)), Silent()).failures == []
    assert 0 < openings() <= 8, (
        "before its requests, before its load, and what is looked up around them"
    )
