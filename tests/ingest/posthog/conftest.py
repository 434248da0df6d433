"""A PostHog with scripted answers, and the simulated one without waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tenacity

from ingest.model import Window
from sandbox import Agency
from signalroom import clock
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor

Read = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.http._backoff", tenacity.wait_none())
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
    monkeypatch.setenv("POSTHOG_API_KEY", "canary-posthog-key")
    monkeypatch.setenv("POSTHOG_PROJECT_ID", "9001")


@pytest.fixture
def own_agency(start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch) -> Agency:
    """An agency whose caps and answers the test may change."""
    agency = start_agency()
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return agency


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a table from a vendor that answers each request as the function says."""

    def run(answer: Callable[[Request], Answer], table: str = "events") -> list[dict[str, Any]]:
        with scripted_vendor(answer) as vendor:
            monkeypatch.setenv("POSTHOG_HOST", vendor.url)
            today = Window(clock.today(), clock.today())
            pull = pull_of("posthog", window=today, resources=(table,))
            return rows_of(extract(pull, "posthog")[table])

    return run
