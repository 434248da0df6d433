"""Parallel vendor requests: no vendor may delay or break the others."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Event
from types import SimpleNamespace
from typing import Any

import dlt
import pytest

from ingest import loads as ledger
from ingest import registry
from ingest.model import Pull, Row, Window
from ingest.pull import WORKERS, extract_all, load_all
from ingest.registry import SourceSettings
from ingest.resources import SOURCE, whole_list
from signalroom.errors import SourceError
from signalroom.progress import Silent
from tests.support.warehouse import Warehouse

DAY = date(2026, 11, 18)


@pytest.fixture(autouse=True)
def activated(module_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    module_warehouse.activate(monkeypatch)
    ledger.prepare()


def slow(
    name: str, seconds: float, error: Exception | None = None, gate: Event | None = None
) -> tuple[SourceSettings, Pull]:
    """A pull from a vendor that takes this long to answer, or until a gate is opened."""

    @whole_list(columns={})
    def t(pull: Pull) -> list[Row]:
        time.sleep(seconds)
        assert gate is None or gate.wait(60), "nobody took what came before"
        if error:
            raise error
        return [{"_client_id": pull.client_id}]

    def function(pull: Pull) -> Any:
        return dlt.source(lambda: t(pull), name=name, **SOURCE)()

    source = replace(
        registry.source("everflow"),
        name=name,
        title=name,
        tables={"t": "whole"},
        functions=SimpleNamespace(**{name: function}),
    )
    moment = datetime(2026, 11, 19, tzinfo=UTC)
    return source, Pull("713", Window(DAY, DAY), moment, ("t",))


def test_vendors_are_asked_at_the_same_time_and_taken_as_they_come() -> None:
    """With sequential requests, or with results only at the end, `late` would wait forever."""
    late, later = Event(), Event()
    gates = iter((late, later))
    found = []
    for one in extract_all(
        [slow("late", 0, gate=late), slow("soon", 0.1), slow("later", 0, gate=later)]
    ):
        found.append(one)
        if gate := next(gates, None):
            gate.set()
    assert [one.source.name for one in found] == ["soon", "late", "later"]
    assert all(set(one.tables) == {"t"} for one in found)


def test_more_pulls_than_workers_lose_none() -> None:
    pulls = [slow(str(number), 0.01) for number in range(WORKERS * 5)]
    names = [one.source.name for one in extract_all(pulls)]
    assert sorted(names) == sorted(str(number) for number in range(WORKERS * 5))


def test_one_vendors_failure_is_its_own() -> None:
    failing = slow("failing", 0.0, SourceError("away"))
    found = {one.source.name: one for one in extract_all([failing, slow("good", 0.1)])}
    assert str(found["failing"].error) == "away"
    assert found["good"].error is None


def test_a_fault_of_our_own_stops_nobody_else_and_its_details_are_kept(
    module_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERFLOW_API_KEY", "canary-key")
    ours = slow("everflow", 0.0, ZeroDivisionError("with canary-key"))
    found = {one.source: one for one in load_all([ours, slow("redtrack", 0.1)], Silent())}
    assert found["redtrack"].loaded is not None
    (line,) = found["everflow"].failures
    assert line.startswith("everflow 713: unexpected ZeroDivisionError: with ***.")
    details = (module_warehouse.home / "unexpected-error.txt").read_text()
    assert "Traceback" in details
    assert "canary-key" not in details


def test_nothing_to_ask_is_nothing_to_wait_for() -> None:
    assert list(extract_all([])) == []
