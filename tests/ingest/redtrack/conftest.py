"""A RedTrack account with given rows, and the simulated one without waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import tenacity

from ingest.http import RateLimit
from ingest.model import Window
from sandbox import Agency
from tests.ingest.reading import Landed, extract, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor

DAYS = Window(date(2026, 11, 8), date(2026, 11, 10))
Rows = list[dict[str, Any]]
Read = Callable[..., Rows]
Land = Callable[..., Landed]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = RateLimit(calls=1000, seconds=1.0)
    monkeypatch.setattr("ingest.sources.redtrack.client.RATE_LIMIT", limit)
    monkeypatch.setattr("ingest.sources.redtrack.client.PATH_LIMITS", {})
    monkeypatch.setattr("ingest.http._backoff", tenacity.wait_none())


@pytest.fixture
def own_agency(start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch) -> Agency:
    """An agency whose caps and quirks the test may change."""
    agency = start_agency()
    agency.caps.redtrack_reports_per_minute = 10_000
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return agency


@pytest.fixture
def land(monkeypatch: pytest.MonkeyPatch) -> Land:
    """Read a table from an account with these rows by path, which answers page by page.

    `shift` moves each page after the first, unless an order was requested. `ceiling` is the largest
    number of rows in one answer.
    """

    def run(
        rows: dict[str, Any],
        table: str,
        window: Window = DAYS,
        ceiling: int = 10_000,
        shift: int = 0,
    ) -> Landed:
        def give(request: Request) -> Answer:
            if request.path not in rows:
                return Answer({"error": "not found"}, status=404)
            found = rows[request.path]
            if callable(found):
                return Answer(found(request))
            asked = request.query
            if request.path == "/report":
                found = [r for r in found if asked["date_from"] <= r["date"] <= asked["date_to"]]
            page, per = int(asked["page"]), min(int(asked["per"]), ceiling)
            start = (page - 1) * per
            if page > 1 and "sortby" not in asked:
                start += shift
            return Answer(found[start : start + per])

        with scripted_vendor(give) as vendor:
            monkeypatch.setenv("REDTRACK_API_KEY", "key")
            monkeypatch.setenv("REDTRACK_BASE_URL", vendor.url)
            monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
            pull = pull_of("redtrack", window=window, resources=(table,))
            return extract(pull, "redtrack")[table]

    return run


@pytest.fixture
def read(land: Land) -> Read:
    """Like `land`, but returns the table's rows alone."""
    return lambda *given, **named: rows_of(land(*given, **named))


def spend(days: int, sources: int, first: date = DAYS.start) -> Rows:
    """Rows of a report by date and source."""
    return [
        {"date": (first + timedelta(days=day)).isoformat(), "source": f"S{one}",
         "source_id": f"s{one}", "cost": 1.5, "clicks": 1}
        for day in range(days)
        for one in range(sources)
    ]  # fmt: skip
