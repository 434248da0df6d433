"""Fixtures: a separate agency for the test, a vendor with scripted answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tenacity

from sandbox import Agency


@pytest.fixture
def own_agency(start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch) -> Agency:
    """An agency whose caps and answers the test may change; without waits between attempts."""
    agency = start_agency()
    monkeypatch.setattr("ingest.http._backoff", tenacity.wait_none())
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return agency
