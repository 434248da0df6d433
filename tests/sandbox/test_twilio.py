"""Twilio through its own client."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox import Agency
from sandbox.vendors.twilio import segments
from tests.sandbox import calls

TO = "+12025550121"


def client_of(agency: Agency, token: str | None = None) -> Any:
    client = Client(
        calls.variable(agency, "TWILIO_ACCOUNT_SID"),
        token or calls.variable(agency, "TWILIO_AUTH_TOKEN"),
        http_client=TwilioHttpClient(timeout=5),
    )
    client.api.base_url = calls.variable(agency, "TWILIO_BASE_URL")
    return client


def send(agency: Agency, body: str = "CCW 26.81", to: str = TO, sender: str | None = None) -> Any:
    known = calls.variable(agency, "TWILIO_FROM_NUMBER")
    return client_of(agency).messages.create(to=to, from_=sender or known, body=body)


def test_a_text_is_lost_or_changed_on_the_way(own_agency: Agency) -> None:
    sent = send(own_agency, "CPA & cost: 26.81+")
    assert (sent.status, sent.num_segments, sent.price) == ("queued", "1", None)
    [message] = own_agency.messages
    assert (message.channel, message.client) == ("twilio", "713")
    assert message.recipients == (TO,)
    assert message.text == "CPA & cost: 26.81+"
    assert message.message_id == sent.sid


def test_the_list_hides_what_was_sent(own_agency: Agency) -> None:
    """The list is the only way to find out whether a send without an answer succeeded."""
    for number in range(3):
        send(own_agency, f"text {number}")
    send(own_agency, "other", to="+12025550122")
    messages = client_of(own_agency).messages
    assert [row.body for row in messages.list(to=TO)] == ["text 2", "text 1", "text 0"]
    assert [row.body for row in messages.list(to=TO, page_size=2)] == ["text 2", "text 1", "text 0"]
    sent_after = own_agency.now() - timedelta(days=2)
    assert len(messages.list(date_sent_after=sent_after)) == 4
    assert messages.list(date_sent_before=sent_after) == []


def test_a_text_is_never_delivered(own_agency: Agency) -> None:
    sid = send(own_agency).sid
    own_agency.set_now(own_agency.now() + timedelta(minutes=1))
    found = client_of(own_agency).messages(sid).fetch()
    assert (found.status, found.price) == ("delivered", "-0.00790")
    with pytest.raises(TwilioRestException) as caught:
        client_of(own_agency).messages("SM" + "0" * 32).fetch()
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"body": "x" * 1601}, 21617),
        ({"to": "12025550121"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"sender": "+19995550100"}, 21606),
        ({"body": ""}, 21602),
        ({"to": ""}, 21604),
    ],
)
def test_a_wrong_text_is_taken(agency: Agency, changes: dict[str, str], code: int) -> None:
    before = len(agency.messages)
    with pytest.raises(TwilioRestException) as caught:
        send(agency, **changes)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert len(agency.messages) == before


def test_the_longest_text_is_refused(own_agency: Agency) -> None:
    assert send(own_agency, "x" * 1600).num_segments == "11"


def test_a_stranger_may_send(agency: Agency) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client_of(agency, "wrong").messages.create(to=TO, from_=TO, body="x")
    assert (caught.value.status, caught.value.code) == (401, 20003)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 160, 1), ("x" * 161, 2), ("x" * 306, 2), ("€" * 80, 1), ("€" * 81, 2),
        ("x" * 69 + "\u2019", 1), ("x" * 70 + "\u2019", 2), ("📈" * 35, 1), ("📈" * 36, 2),
    ],
)  # fmt: skip
def test_segments_are_counted_wrong(text: str, expected: int) -> None:
    assert segments(text) == expected
