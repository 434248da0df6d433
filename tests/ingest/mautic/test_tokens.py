"""Tokens that expire while pages are read, are refused, or are missing."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from ingest.model import Window
from sandbox import Agency
from signalroom.errors import AnswerError, CredentialsError, DeferredError
from tests.ingest.reading import extract, pull_of, rows_of
from tests.support.vendor import Answer, in_turn, scripted_vendor

DAYS = Window(date(2026, 11, 10), date(2026, 11, 17))
STATS = ("email_stats",)


def paths(agency: Agency) -> Counter[tuple[str, int | None]]:
    return Counter((request.path, request.status) for request in agency.requests)


def sent(agency: Agency) -> list[int]:
    pull = pull_of("mautic", window=DAYS, resources=STATS)
    found = sorted(row["id"] for row in rows_of(extract(pull, "mautic")["email_stats"]))
    truth = agency.truth("713", DAYS.start, DAYS.end).mautic_email_stats
    assert Counter(found) == Counter(row["id"] for row in truth)
    return found


def test_one_token_serves_all_pages(own_agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 50)
    assert len(sent(own_agency)) > 200
    seen = paths(own_agency)
    assert seen["/oauth/v2/token", 200] == 1
    assert seen["/api/stats/email_stats", 200] > 4


def test_a_token_that_ends_between_two_pages_is_renewed_once(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 50)
    own_agency.faults.plan("mautic", "status", times=1, match="start=40&", status=401)
    sent(own_agency)
    seen = paths(own_agency)
    assert seen["/oauth/v2/token", 200] == 2
    assert seen["/api/stats/email_stats", 401] == 1


def test_how_long_a_token_is_good_is_obeyed(
    own_agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is valid for less than a second is used once, so it is never refused."""
    monkeypatch.setattr("ingest.sources.mautic.client.PAGE_ROWS", 100)
    own_agency.caps.mautic_token_s = 0.9
    sent(own_agency)
    seen = paths(own_agency)
    assert seen["/oauth/v2/token", 200] == 1 + seen["/api/stats/email_stats", 200] > 3
    assert 401 not in {status for _, status in seen}


def test_a_token_that_stays_refused_is_a_matter_of_credentials(own_agency: Agency) -> None:
    own_agency.faults.plan("mautic", "status", times=99, match="/api/", status=401)
    with pytest.raises(CredentialsError, match=r"mautic for client 713.*has expired"):
        extract(pull_of("mautic", window=DAYS), "mautic")
    assert paths(own_agency) == {("/oauth/v2/token", 200): 2, ("/api/contacts", 401): 2}


def test_a_wait_of_an_hour_defers_at_once(own_agency: Agency) -> None:
    own_agency.faults.plan("mautic", "status_429", times=9, match="/api/", retry_after=3000)
    with pytest.raises(DeferredError, match="mautic for client 713"):
        extract(pull_of("mautic", window=DAYS), "mautic")
    assert paths(own_agency)["/api/contacts", 429] == 1


@pytest.mark.parametrize("answer", [{}, [], {"access_token": None}, {"access_token": ""}])
def test_an_answer_without_a_token_is_no_token(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    with scripted_vendor(in_turn(Answer(answer))) as vendor:
        monkeypatch.setenv("MAUTIC_BASE_URL", vendor.url)
        with pytest.raises(AnswerError, match=r"mautic for client 713: .* has no token") as caught:
            extract(pull_of("mautic", window=DAYS), "mautic")
        assert [request.path for request in vendor.requests] == ["/oauth/v2/token"]
        assert vendor.requests[0].body == {
            "grant_type": "client_credentials",
            "client_id": "reader",
            "client_secret": "canary-mautic-secret",
        }
    assert "canary" not in str(caught.value)
