"""A failing table among several must be reported and must not stop the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signalroom.errors import AbsentError
from tests.ingest.reading import Landed, extract, pull_of
from tests.support.vendor import Answer, Request, scripted_vendor

TABLES = ("daily_spend", "campaigns", "sources")
SPEND = [{"date": "2026-11-19", "source": "A", "source_id": "a", "cost": 1}]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    monkeypatch.setenv("REDTRACK_API_KEY", "k")


def read(answer: Callable[[Request], Answer], monkeypatch: pytest.MonkeyPatch) -> dict[str, Landed]:
    with scripted_vendor(answer) as vendor:
        monkeypatch.setenv("REDTRACK_BASE_URL", vendor.url)
        return extract(pull_of("redtrack", resources=TABLES), "redtrack")


@pytest.mark.parametrize("status", [404, 405, 410, 501])
def test_a_list_that_an_account_lacks_is_no_failure(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(
        lambda request: Answer(SPEND) if request.path == "/report" else Answer({}, status),
        monkeypatch,
    )
    assert list(found) == ["daily_spend"]
    assert found["daily_spend"].failures == []


def test_a_list_that_fails_is_named_and_holds_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "/report": Answer(SPEND),
        "/me/settings": Answer({"currency": "USD"}),
        "/campaigns": Answer({}, 400),
        "/sources": Answer([{"id": "65f0c1d2e3a4b5c6d7e8f901", "title": "A"}]),
    }
    found = read(lambda request: answers[request.path], monkeypatch)
    assert list(found) == ["daily_spend", "sources"]
    (failure,) = found["daily_spend"].failures
    assert failure.startswith("campaigns keeps its rows")


def test_the_table_that_matters_is_never_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AbsentError):
        read(lambda request: Answer({}, 404), monkeypatch)
