"""Fixtures of the report tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reports import Rendered, compose
from sandbox import Agency
from tests.reports.alarm import Alarm
from tests.reports.post import Post
from tests.reports.weeks_world import NOW as MONDAY
from tests.reports.weeks_world import WeekMarts
from tests.reports.world import DAY, EXAMPLE, NOW, Affiliate, Day, Marts
from tests.support.held import held
from tests.support.warehouse import Warehouse, empty_warehouse

Compose = Callable[..., Rendered]


@pytest.fixture
def marts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Marts]:
    """Empty marts on DuckDB; business time is the morning after DAY."""
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", NOW)
        with held(warehouse.home):
            yield Marts(warehouse)


@pytest.fixture
def marts_on_both(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Marts:
    """The same on each engine."""
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", NOW)
    return Marts(warehouse)


@pytest.fixture
def report(marts: Marts) -> Compose:
    """Compose daily_ccw for a day with these affiliates."""

    def composed(*affiliates: Affiliate, name: str = "daily_ccw", **day: object) -> Rendered:
        marts.load(Day(affiliates or EXAMPLE, **day))  # type: ignore[arg-type]
        return compose(name, "713", DAY)

    return composed


@pytest.fixture
def alarm(
    tmp_path: Path, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Alarm]:
    """An empty run database, and an agency that receives the alerts."""
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        with held(warehouse.home):
            yield Alarm(start_agency(), monkeypatch)


@pytest.fixture
def alarm_on_both(
    warehouse: Warehouse, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> Alarm:
    """The same on each engine."""
    warehouse.activate(monkeypatch)
    return Alarm(start_agency(), monkeypatch)


@pytest.fixture
def post(
    marts: Marts, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> Post:
    agency = start_agency()
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return Post(agency, marts)


@pytest.fixture
def weeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WeekMarts]:
    """Empty marts of the Monday reports on DuckDB; business time is a Monday, 07:35."""
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_NOW", MONDAY)
        with held(warehouse.home):
            yield WeekMarts(warehouse)
