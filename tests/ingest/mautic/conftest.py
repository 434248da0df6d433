"""A Mautic with scripted answers, and the simulated one without waits."""

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
    monkeypatch.setenv("MAUTIC_CLIENT_ID", "reader")
    monkeypatch.setenv("MAUTIC_CLIENT_SECRET", "canary-mautic-secret")


@pytest.fixture
def own_agency(start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch) -> Agency:
    """An agency whose caps and answers the test may change."""
    agency = start_agency()
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return agency


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a table from a vendor that issues tokens and otherwise answers as the function says."""

    def run(
        answer: Callable[[Request], Answer], table: str, seen: list[Request] | None = None
    ) -> list[dict[str, Any]]:
        def give(request: Request) -> Answer:
            if request.path == "/oauth/v2/token":
                return Answer({"access_token": "canary-token", "expires_in": "3600"})
            return answer(request)

        with scripted_vendor(give) as vendor:
            monkeypatch.setenv("MAUTIC_BASE_URL", f"{vendor.url}/")
            today = Window(clock.today(), clock.today())
            try:
                pull = pull_of("mautic", window=today, resources=(table,))
                return rows_of(extract(pull, "mautic")[table])
            finally:
                (seen if seen is not None else []).extend(vendor.requests)

    return run
