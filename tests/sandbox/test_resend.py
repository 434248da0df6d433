"""Resend, as documented and through plain HTTP."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox import Agency
from tests.sandbox import calls


@pytest.fixture(scope="module")
def agency() -> Iterator[Agency]:
    """An agency for this module, so that the limit affects only its own test."""
    with Agency() as patient:
        patient.caps.resend_burst = 10_000
        yield patient


def mail(agency: Agency, **changes: Any) -> dict[str, Any]:
    return {
        "from": calls.variable(agency, "RESEND_FROM_EMAIL"),
        "to": ["owner@example.org"],
        "subject": "Daily CCW",
        "html": "<b>47</b>",
        "text": "47",
    } | changes


def send(agency: Agency, payload: Any, key: str | None = None, **headers: str) -> httpx.Response:
    token = calls.variable(agency, "RESEND_API_KEY")
    known = {"Authorization": f"Bearer {token}"} | headers
    if key is not None:
        known["Idempotency-Key"] = key
    return calls.HTTP.post(
        calls.variable(agency, "RESEND_API_URL") + "/emails", json=payload, headers=known
    )


def test_a_mail_is_lost_or_changed_on_the_way(own_agency: Agency) -> None:
    picture = b"\x89PNG\r\n"
    attachments = [
        {"filename": "a.png", "content": base64.b64encode(picture).decode(), "content_id": "chart"},
        {"filename": "b.csv", "content": list(b"a,b")},
    ]
    answer = send(own_agency, mail(own_agency, attachments=attachments), key="k")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    [message] = own_agency.messages
    assert (message.channel, message.client, message.key) == ("resend", "713", "k")
    assert message.recipients == ("owner@example.org",)
    assert message.attachments == (("a.png", picture), ("b.csv", b"a,b"))
    assert message.message_id == answer.json()["id"]


def test_the_same_key_sends_twice(own_agency: Agency) -> None:
    first = send(own_agency, mail(own_agency), key="daily|713")
    again = send(own_agency, mail(own_agency), key="daily|713")
    assert first.json() == again.json()
    assert len(own_agency.messages) == 1
    other = send(own_agency, mail(own_agency, subject="Other"), key="daily|713")
    assert (other.status_code, other.json()["name"]) == (409, "invalid_idempotent_request")
    assert len(own_agency.messages) == 1


def test_a_key_is_remembered_for_ever_or_not_for_a_day(own_agency: Agency) -> None:
    for hours, expected in ((0, 1), (23, 1), (2, 2)):
        own_agency.set_now(own_agency.now() + timedelta(hours=hours))
        assert send(own_agency, mail(own_agency), key="k").status_code == 200
        assert len(own_agency.messages) == expected


def test_without_a_key_a_repeat_is_noticed(own_agency: Agency) -> None:
    for _ in range(2):
        send(own_agency, mail(own_agency))
    assert len({message.message_id for message in own_agency.messages}) == 2


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"to": []}, 422, "missing_required_field"),
        ({"from": ""}, 422, "missing_required_field"),
        ({"subject": ""}, 422, "missing_required_field"),
        ({"html": "", "text": ""}, 422, "missing_required_field"),
        ({"to": ["owner"]}, 422, "validation_error"),
        ({"to": ["a@example.org", "b@@example"]}, 422, "validation_error"),
        ({"to": [f"a{number}@example.org" for number in range(51)]}, 422, "validation_error"),
        ({"from": "SignalRoom"}, 422, "invalid_from_address"),
        ({"from": "x@elsewhere.example.net"}, 403, "validation_error"),
        ({"tags": [{"name": "job name", "value": "x"}]}, 422, "validation_error"),
        ({"attachments": [{"filename": "a", "content": "%%%"}]}, 422, "invalid_attachment"),
        ({"attachments": [{"filename": "a", "content": [1, 999]}]}, 422, "invalid_attachment"),
        ({"attachments": [{"content": "YQ=="}]}, 422, "invalid_attachment"),
    ],
)
def test_a_wrong_mail_is_taken(
    agency: Agency, changes: dict[str, Any], status: int, name: str
) -> None:
    before = len(agency.messages)
    answer = send(agency, mail(agency, **changes))
    assert (answer.status_code, answer.json()["name"]) == (status, name)
    assert answer.json()["statusCode"] == status
    assert len(agency.messages) == before


def test_a_stranger_may_send(agency: Agency) -> None:
    nobody = send(agency, mail(agency), Authorization="")
    assert (nobody.status_code, nobody.json()["name"]) == (401, "missing_api_key")
    wrong = send(agency, mail(agency), Authorization="Bearer re_wrong")
    assert (wrong.status_code, wrong.json()["name"]) == (403, "invalid_api_key")


def test_a_bad_key_or_method_gets_a_page_of_html(own_agency: Agency) -> None:
    answer = send(own_agency, mail(own_agency), key="k" * 257)
    assert (answer.status_code, answer.json()["name"]) == (400, "invalid_idempotency_key")
    wrong = calls.HTTP.put(
        own_agency.base_url("resend") + "/emails",
        headers={"Authorization": f"Bearer {calls.variable(own_agency, 'RESEND_API_KEY')}"},
    )
    assert (wrong.status_code, wrong.json()["name"]) == (405, "method_not_allowed")


def test_a_flood_is_taken(own_agency: Agency) -> None:
    own_agency.caps.resend_burst = 2
    own_agency.stage.limit_clock.ticker = lambda: 1000.0
    answers = [send(own_agency, mail(own_agency)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["name"] == "rate_limit_exceeded"
    assert answers[2].headers["Retry-After"] == "1"
    assert answers[2].headers["Ratelimit-Remaining"] == "0"
