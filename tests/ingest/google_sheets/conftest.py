"""Fixtures: separate spreadsheets for the test at the simulated Google."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tenacity

from sandbox import Agency
from sandbox.sheets import SPREADSHEETS

Grid = list[list[Any]]
ID = SPREADSHEETS["713"]


@pytest.fixture
def own_agency(start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch) -> Agency:
    """An agency whose sheets and answers the test may change; without waits between attempts."""
    agency = start_agency()
    monkeypatch.setattr("ingest.http._backoff", tenacity.wait_none())
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return agency


@pytest.fixture
def put(own_agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Agency]:
    """Put tabs into the client's spreadsheet, and configure a table with the name of each tab."""

    def run(**tabs: Grid) -> Agency:
        own_agency.google_sheets.tabs["713"] = tabs
        ranges = ",".join(f"{name}={ID}!{name}!A1:Z" for name in tabs)
        monkeypatch.setenv("GOOGLE_SHEETS_RANGES", ranges)
        return own_agency

    return run
