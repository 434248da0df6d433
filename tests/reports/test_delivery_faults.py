"""Delivery against servers that speak the vendors' protocols: each message once, despite faults."""

from __future__ import annotations

import socket
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from reports import deliver
from reports.delivery.channels import http, sms
from reports.delivery.outbox import Outbox
from signalroom import clock
from tests.reports.post import EVERYONE, VENDOR, Post, died_while_sending, rows, statuses


@pytest.mark.fault(49, 50)
@pytest.mark.parametrize("kind", ["accept_then_close", "close_connection", "status_500"])
@pytest.mark.parametrize("channel", ["slack", "email"])
def test_lost_answer_neither_loses_nor_doubles_the_message(
    post: Post, channel: str, kind: str
) -> None:
    path = {"slack": "chat.postMessage", "email": "/emails"}[channel]
    post.agency.faults.plan(VENDOR[channel], kind, times=1, match=path)  # type: ignore[arg-type]
    assert set(statuses(deliver(post.only(channel))).values()) == {"sent"}
    assert set(post.received().values()) == {1}


@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_vendor_that_hangs_after_accepting_holds_nobody_for_long(
    post: Post, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_S", 1.0)
    path = {"slack": "chat.postMessage", "email": "POST /emails", "sms": "POST"}[channel]
    post.agency.faults.plan(VENDOR[channel], "accept_then_hang", times=1, match=path, seconds=60)
    started = time.monotonic()
    found = statuses(deliver(post.rendered))
    assert time.monotonic() - started < 40
    assert Counter(found.values()) == (
        Counter(sent=4, unknown=1) if channel == "sms" else Counter(sent=5)
    )
    assert post.received() == Counter(EVERYONE)


def test_message_that_another_process_is_sending_is_neither_sent_nor_waited_for(
    post: Post,
) -> None:
    deliver(post.only("slack"))
    with Outbox() as box:
        entry = rows()[0]
        box._update(
            entry.dedupe_key,
            status="unknown",
            sent_at=None,
            next_at=clock.instant() + timedelta(seconds=100),
        )
    started = time.monotonic()
    assert set(statuses(deliver(post.only("slack"))).values()) == {"unknown"}
    assert time.monotonic() - started < 60
    assert set(post.received().values()) == {1}


@pytest.mark.fault(51)
def test_a_messaging_service_sends_in_place_of_a_number(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = f"MG{'0' * 32}"
    monkeypatch.setenv("TWILIO_FROM_NUMBER", service)
    assert set(statuses(deliver(post.only("sms"))).values()) == {"sent"}
    sent = [one.payload for one in post.agency.messages if one.channel == "twilio"]
    assert {(one.get("MessagingServiceSid"), one.get("From")) for one in sent} == {(service, None)}


def test_sms_without_an_answer_is_not_sent_twice(post: Post) -> None:
    post.agency.faults.plan("twilio", "accept_then_close", times=2, match="POST")
    first = statuses(deliver(post.only("sms")))
    assert set(first.values()) == {"unknown"}
    with Outbox() as box:
        for entry in rows():
            box._update(entry.dedupe_key, next_at=None)
    assert set(statuses(deliver(post.only("sms"))).values()) == {"sent"}  # found, not sent
    assert set(post.received().values()) == {1}


@pytest.mark.fault(51)
def test_sms_that_cannot_be_found_is_left_alone_until_a_person_decides(post: Post) -> None:
    post.agency.faults.plan("twilio", "close_connection", times=2, match="POST")
    assert set(statuses(deliver(post.only("sms"))).values()) == {"unknown"}
    for _ in range(2):
        with Outbox() as box:
            for entry in rows():
                box._update(entry.dedupe_key, next_at=None)
        assert set(statuses(deliver(post.only("sms"))).values()) == {"unknown"}
    assert not post.received()
    deliver(post.only("sms"), again=True)
    assert set(post.received().values()) == {1}


def test_identical_text_sent_again_is_not_mistaken_for_the_lost_one(post: Post) -> None:
    deliver(post.only("sms"))
    post.agency.faults.plan("twilio", "close_connection", times=2, match="POST")
    assert set(statuses(deliver(post.only("sms"), again=True)).values()) == {"unknown"}
    with Outbox() as box:
        for entry in rows():
            if entry.status == "unknown":
                box._update(entry.dedupe_key, next_at=None)
        unsure = [entry for entry in rows() if entry.status == "unknown"]
        known = box.provider_ids("sms", unsure[0].recipient)
        assert sms.find(unsure[0], frozenset()) is not None
        assert sms.find(unsure[0], known) is None


@pytest.mark.fault(54)
@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_process_killed_after_sending_does_not_send_again(post: Post, channel: str) -> None:
    deliver(post.only(channel))
    before = post.received()
    died_while_sending()
    deliver(post.only(channel))
    assert post.received() == before
    assert {entry.status for entry in rows()} == {"sent"}


def test_two_processes_never_work_on_one_message(post: Post) -> None:
    post.agency.faults.plan("twilio", "status_429", times=9)
    deliver(post.only("sms"))
    entry = rows()[0]
    with Outbox() as one, Outbox() as other:
        one._update(entry.dedupe_key, status="unknown", next_at=None)
        seen = other.entry(entry.dedupe_key)
        assert one.claim(seen)
        assert not other.claim(seen)
        assert not other.claim(other.entry(entry.dedupe_key))
        one.settle(entry.dedupe_key, "unknown", wait_s=-1)
        assert not other.claim(seen), "what it saw is history"


@pytest.mark.fault(52)
@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_busy_channel_is_asked_again_after_the_time_it_names(post: Post, channel: str) -> None:
    post.agency.faults.plan(VENDOR[channel], "status_429", times=1, retry_after=1)
    assert set(statuses(deliver(post.only(channel))).values()) == {"sent"}
    assert set(post.received().values()) == {1}


@pytest.mark.fault(53)
def test_one_dead_recipient_or_channel_does_not_hold_the_others(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_CHANNEL_ID", "C0ARCHIVED0")
    monkeypatch.setenv("RESEND_TO_EMAILS", "broken, owner@example.org")
    monkeypatch.setenv("TWILIO_TO_NUMBERS", "+15005550004,+12025550121")
    done = deliver(post.rendered)
    assert statuses(done) == {
        ("slack", "C0ARCHIVED0"): "dead",
        ("email", "broken"): "dead",
        ("email", "owner@example.org"): "sent",
        ("sms", "+15005550004"): "dead",
        ("sms", "+12025550121"): "sent",
    }
    reasons = {one.recipient: one.summary() for one in done if one.is_failure}
    assert "is_archived" in reasons["C0ARCHIVED0"]
    assert "validation_error" in reasons["broken"]
    assert "21610" in reasons["+15005550004"]


def test_refused_message_is_sent_with_new_words_once_the_cause_is_repaired(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "re_sandbox_713"
    monkeypatch.setenv("RESEND_API_KEY", "re_wrong")
    assert set(statuses(deliver(post.only("email"))).values()) == {"dead"}
    monkeypatch.setenv("RESEND_API_KEY", key)
    changed = {**post.rendered.messages["email"], "subject": "Repaired"}
    deliver(replace(post.rendered, messages={"email": changed}))
    assert {message.payload["subject"] for message in post.agency.messages} == {"Repaired"}
    assert set(post.received().values()) == {1}


def test_proxy_that_cannot_be_used_leaves_no_message_in_doubt(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    found = deliver(post.rendered)
    assert {one.status for one in found} == {"pending"}
    assert all("SOCKS proxy is not supported" in one.detail for one in found)


@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_unreachable_vendor_is_certainly_not_delivered(
    post: Post, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    with socket.socket() as reserved:  # bound, but not listening: connections are refused
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        name = {"slack": "SLACK_BASE_URL", "email": "RESEND_API_URL", "sms": "TWILIO_BASE_URL"}
        monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
        monkeypatch.setenv(name[channel], f"{url}/api/" if channel == "slack" else url)
        assert set(statuses(deliver(post.only(channel))).values()) == {"pending"}
