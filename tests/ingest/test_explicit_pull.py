"""A manual pull of single days must not make later pulls skip the days before them.

With the simulated vendors, for each source and for each client separately.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.model import Window, default_window
from sandbox import Agency
from signalroom import clock
from signalroom.settings import window_days
from tests.support.warehouse import Warehouse

SOURCES = ("everflow", "posthog", "mautic")
LEDGER = (
    "select source, table_name, window_start, window_end, loaded_at from ops.loads"
    " where _client_id = '{}' order by 1, 2"
)


@pytest.fixture
def own_agency(
    start_agency: Callable[..., Agency], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Agency:
    agency = start_agency(history_days=3)
    warehouse.activate(monkeypatch)
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
        if name.startswith(("POSTHOG_", "MAUTIC_")) and "__" not in name:
            monkeypatch.setenv(f"{name}__CTI", value)  # this client has neither source by default
    return agency


def pull(name: str, client_id: str, window: Window | None = None) -> None:
    source = registry.source(name)
    loaded = pipeline.load(source, pipeline.make_pull(source, client_id, window=window))
    assert loaded.failures == ()


def due(name: str, client_id: str) -> Window:
    """The days of the next pull without explicit dates."""
    return pipeline.make_pull(registry.source(name), client_id).window


@pytest.mark.usefixtures("own_agency")
@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
@pytest.mark.parametrize("name", SOURCES)
def test_days_that_were_pulled_alone_skip_none_before_for_either_client(
    warehouse: Warehouse, name: str
) -> None:
    yesterday = Window(*[clock.today() - timedelta(days=1)] * 2)
    pull(name, "713", yesterday)
    for client_id in ("713", "cti"):
        assert due(name, client_id) == default_window(None, source=name), "the first time"
    pull(name, "cti", yesterday)
    outage = window_days("recent", name) + 3
    last, first = (clock.today() - timedelta(days=days) for days in (outage, 100))
    warehouse.execute(
        f"update ops.loads set window_start = date '{first}', window_end = date '{last}'"
    )
    others = warehouse.rows(LEDGER.format("cti"))
    pull(name, "713", yesterday)
    for client_id in ("713", "cti"):
        assert due(name, client_id) == Window(last, clock.today())
    assert warehouse.rows(LEDGER.format("cti")) == others
    # days that directly follow the pulled ones do move the next pull forward
    pull(name, "713", Window(last, clock.today()))
    assert due(name, "713") == default_window(clock.today(), source=name)
    assert due(name, "cti") == Window(last, clock.today())


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_pull_of_files_by_day_leaves_no_unread_file_behind(
    own_agency: Agency, warehouse: Warehouse
) -> None:
    exports = registry.source("s3_exports")

    def unread(client_id: str) -> int:
        return exports.plan(pipeline.make_pull(exports, client_id)).files

    files: dict[str, Any] = {client_id: unread(client_id) for client_id in ("713", "cti")}
    pull("s3_exports", "713", Window(clock.today(), clock.today()))
    assert (unread("713"), unread("cti")) == (0, files["cti"])
    read = warehouse.rows("select count(*) from ops.file_ledger where _client_id = '713'")
    assert read == [(files["713"],)]
    own_agency.s3.put("713", "orders-create/report_2026-01-01T0001_late.csv", b"")
    assert unread("713") == 1
