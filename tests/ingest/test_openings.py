"""A pull's overhead: opening the embedded warehouse or a connection takes a moment each time."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import psycopg2
import pytest
from dlt.common.configuration.providers.doc import BaseDocProvider

from scheduler.steps.ingest import PullResult, Request, ingest
from signalroom.connecting import connect
from signalroom.progress import Silent
from signalroom.warehouse import duckdb_path
from tests.ingest.test_unusable import load, redtrack
from tests.support.held import release
from tests.support.openings import count_openings
from tests.support.vendor import Answer, scripted_vendor
from tests.support.warehouse import Warehouse, held_open


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_a_pull_opens_the_embedded_warehouse_a_few_times(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redtrack(warehouse, monkeypatch):
        assert ingest(Request(("redtrack",), ("713",)), Silent()).failures == []
        release()
        openings = count_openings(monkeypatch, duckdb_path())
        assert ingest(Request(("redtrack",), ("713",)), Silent()).failures == []
    assert 0 < openings() <= 4, (
        "before its requests, before its load, and what is looked up around them"
    )


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_pulls_that_loaded_nothing_do_not_wait_for_a_file_that_is_in_use(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_LOCK_WAIT_S", "60")
    ended: list[float] = []
    with (
        redtrack(warehouse, monkeypatch),
        scripted_vendor(lambda _: Answer(status=401)) as refusing,
        ExitStack() as held,
    ):
        monkeypatch.setenv("REDTRACK_BASE_URL", refusing.url)

        def heard(_: PullResult) -> None:
            held.enter_context(held_open(duckdb_path()))
            ended.append(time.monotonic())

        assert ingest(Request(("redtrack",), ("713",)), Silent(), heard).failures
        assert time.monotonic() - ended[0] < 20, "of the 60 seconds that a load may wait"


def test_what_surrounds_a_pull_connects_to_postgresql_a_few_times(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[object] = []

    def counted(found: Any) -> Any:
        connected.append(found)
        return connect(found)

    with redtrack(postgres_warehouse, monkeypatch):
        assert ingest(Request(("redtrack",), ("713",)), Silent()).failures == []
        monkeypatch.setattr("signalroom.connecting.connect", counted)
        assert ingest(Request(("redtrack",), ("713",)), Silent()).failures == []
    assert 0 < len(connected) <= 7, "one for each question would be 12"


def test_a_pull_connects_to_postgresql_and_searches_for_settings_a_few_times(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[object] = []
    searched: list[str] = []
    connect, search = psycopg2.connect, BaseDocProvider.get_value

    def counted(*args: Any, **kwargs: Any) -> Any:
        connected.append(args)
        return connect(*args, **kwargs)

    def noted(self: Any, key: str, *args: Any) -> Any:
        searched.append(key)
        return search(self, key, *args)

    with redtrack(postgres_warehouse, monkeypatch):
        load()
        monkeypatch.setattr(psycopg2, "connect", counted)
        monkeypatch.setattr(BaseDocProvider, "get_value", noted)
        loaded = load()
    # 27 with one for each job; some are closed so that no more are open than jobs at work
    assert 0 < len(connected) <= 10 + len(loaded.rows)
    # the names in the file; dlt asks for a hundred others
    assert set(searched) <= {
        *("raise_on_max_retries", "auto_abort_on_terminal_error", "disable_compression"),
        *("runtime", "log_level", "dlthub_telemetry"),
    }
    assert "disable_compression" in searched, "the settings of the file apply"
