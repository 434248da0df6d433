"""Delivery against servers that speak the vendors' protocols: once, whatever goes wrong."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from reports import Rendered, compose, deliver, deliver_pending, outbox, render_report
from reports.channels import http, slack, sms
from reports.delivery import Delivery
from reports.outbox import Outbox
from sandbox import Agency
from signalroom import clock
from tests.reports.world import DAY, Affiliate, Day, Marts

EVERYONE = {
    ("slack", "C0REPORTS713"),
    ("email", "owner@example.org"),
    ("email", "media@example.org"),
    ("sms", "+12025550121"),
    ("sms", "+12025550122"),
}
VENDOR = {"slack": "slack", "email": "resend", "sms": "twilio"}


class Post:
    """The report of the worked example, and the three vendors to send it to."""

    def __init__(self, agency: Agency, marts: Marts) -> None:
        self.agency, self.marts = agency, marts
        marts.load(Day())
        self.rendered = compose("daily_ccw", "713", DAY)

    def only(self, channel: str) -> Rendered:
        """The report for one channel."""
        return replace(self.rendered, messages={channel: self.rendered.messages[channel]})

    def received(self) -> Counter[tuple[str, str]]:
        """How often each recipient has the report."""
        names = {vendor: channel for channel, vendor in VENDOR.items()}
        return Counter(
            (names[message.channel], to)
            for message in self.agency.messages
            for to in message.recipients
        )


@pytest.fixture
def post(
    marts: Marts, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> Post:
    agency = start_agency()
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return Post(agency, marts)


def statuses(deliveries: list[Delivery]) -> dict[tuple[str, str], str]:
    return {(one.channel, one.recipient): one.status for one in deliveries}


def rows() -> list[outbox.Entry]:
    with Outbox() as box:
        return [
            entry
            for channel, recipient in EVERYONE
            for entry in box.entries("daily_ccw", "713", DAY, channel, recipient)
        ]


def died_while_sending() -> None:
    """What a process leaves behind that is killed between sending and writing that down."""
    with Outbox() as box:
        for entry in rows():
            box._update(
                entry.dedupe_key,
                status="unknown",
                provider_id=None,
                sent_at=None,
                next_at=clock.instant() - timedelta(seconds=1),
            )


def test_everyone_gets_the_report_once_and_the_second_time_nobody(post: Post) -> None:
    assert statuses(deliver(post.rendered)) == dict.fromkeys(EVERYONE, "sent")
    assert post.received() == Counter(EVERYONE)
    assert set(statuses(deliver(post.rendered)).values()) == {"already"}
    assert post.received() == Counter(EVERYONE)


def test_again_delivers_once_more(post: Post) -> None:
    deliver(post.rendered)
    assert set(statuses(deliver(post.rendered, again=True)).values()) == {"sent"}
    assert set(post.received().values()) == {2}


def test_what_arrives_is_what_was_rendered(post: Post) -> None:
    deliver(post.rendered)
    by_vendor = {message.channel: message for message in post.agency.messages}
    messages = post.rendered.messages
    assert by_vendor["slack"].payload["blocks"] == messages["slack"]["blocks"]
    assert by_vendor["slack"].payload["text"] == messages["slack"]["text"]
    assert by_vendor["resend"].payload["html"] == messages["email"]["html"]
    assert by_vendor["resend"].payload["text"] == messages["email"]["text"]
    assert by_vendor["resend"].payload["subject"] == messages["email"]["subject"]
    assert by_vendor["twilio"].text == messages["sms"]["body"]


def test_stored_bytes_are_sent_even_when_the_template_changed_meanwhile(post: Post) -> None:
    post.agency.faults.plan("resend", "accept_then_close", times=9)
    assert set(statuses(deliver(post.only("email"))).values()) == {"unknown"}
    post.agency.faults.clear()
    changed = {**post.rendered.messages["email"], "subject": "Other words"}
    with Outbox() as box:
        for entry in rows():
            box._update(entry.dedupe_key, next_at=None)
    deliver(replace(post.rendered, messages={"email": changed}))
    emails = [message for message in post.agency.messages if message.channel == "resend"]
    assert len(emails) == 2
    assert {email.payload["subject"] for email in emails} == {
        post.rendered.messages["email"]["subject"]
    }
    assert {entry.status for entry in rows()} == {"sent"}


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
    monkeypatch.setattr(slack, "TIMEOUT_S", 1.0)
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


def test_sms_without_an_answer_is_not_sent_twice(post: Post) -> None:
    post.agency.faults.plan("twilio", "accept_then_close", times=2, match="POST")
    first = statuses(deliver(post.only("sms")))
    assert set(first.values()) == {"unknown"}
    with Outbox() as box:
        for entry in rows():
            box._update(entry.dedupe_key, next_at=None)
    assert set(statuses(deliver(post.only("sms"))).values()) == {"sent"}  # found, not sent
    assert set(post.received().values()) == {1}


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


@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_busy_channel_is_asked_again_after_the_time_it_names(post: Post, channel: str) -> None:
    post.agency.faults.plan(VENDOR[channel], "status_429", times=1, retry_after=1)
    assert set(statuses(deliver(post.only(channel))).values()) == {"sent"}
    assert set(post.received().values()) == {1}


def test_wait_beyond_the_limit_is_left_for_later_and_holds_nobody(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "2")
    post.agency.faults.plan("slack", "status_429", times=1, retry_after=3600)
    found = statuses(deliver(post.rendered))
    assert found.pop(("slack", "C0REPORTS713")) == "pending"
    assert set(found.values()) == {"sent"}
    entry = next(one for one in rows() if one.channel == "slack")
    assert entry.next_at is not None
    assert entry.next_at > clock.instant() + timedelta(minutes=50)
    deliver(post.rendered)  # asked to wait an hour: not asked again now
    assert ("slack", "C0REPORTS713") not in post.received()


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


@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_unreachable_vendor_is_certainly_not_delivered(
    post: Post, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    with socket.socket() as reserved:  # bound, not listening: connections are refused
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        name = {"slack": "SLACK_BASE_URL", "email": "RESEND_API_URL", "sms": "TWILIO_BASE_URL"}
        monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
        monkeypatch.setenv(name[channel], f"{url}/api/" if channel == "slack" else url)
        assert set(statuses(deliver(post.only(channel))).values()) == {"pending"}


def test_channel_that_is_not_set_up_is_off_and_no_failure(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    off = next(one for one in deliver(post.rendered) if one.channel == "slack")
    assert (off.status, off.is_failure) == ("off", False)
    assert off.summary() == "Slack: off (SLACK_BOT_TOKEN is not set)"


def test_recipients_of_one_client_never_get_anothers_report(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK_CHANNEL_ID", "RESEND_TO_EMAILS", "TWILIO_TO_NUMBERS"):
        monkeypatch.delenv(f"{name}__CTI")
    other = replace(post.rendered, client_id="cti")
    assert {one.status for one in deliver(other)} == {"off"}
    assert not post.received()


def test_incomplete_message_is_followed_by_one_correction_and_no_more(post: Post) -> None:
    post.marts.load(Day(is_complete=False, redtrack=None))
    deliver(compose("daily_ccw", "713", DAY))
    assert set(statuses(deliver(compose("daily_ccw", "713", DAY))).values()) == {"already"}
    post.marts.load(Day())
    whole = compose("daily_ccw", "713", DAY)
    assert whole.context.changes[0].startswith("Corrects the INCOMPLETE message of ")
    assert "cost unknown \u2192 $1,260.00" in whole.context.changes[0]
    assert set(statuses(deliver(whole)).values()) == {"sent"}
    assert set(post.received().values()) == {2}
    assert set(statuses(deliver(whole)).values()) == {"already"}
    post.marts.load(Day(is_complete=False, redtrack=None))  # an older state does not speak again
    assert set(statuses(deliver(compose("daily_ccw", "713", DAY))).values()) == {"already"}


def test_message_without_data_is_followed_by_the_report(post: Post) -> None:
    post.marts.load(Day((), is_complete=False, everflow=None, redtrack=None))
    deliver(compose("daily_ccw", "713", DAY))
    post.marts.load(Day())
    whole = compose("daily_ccw", "713", DAY)
    assert "CPA unknown \u2192 $26.81" in whole.context.changes[0]
    deliver(whole)
    assert set(post.received().values()) == {2}


def test_changed_day_is_told_in_the_next_report_and_then_no_more(post: Post) -> None:
    deliver(post.rendered)
    next_day = DAY + timedelta(days=1)
    post.marts.load(
        Day(
            (
                Affiliate("Blue Bench", 12, "360.00"),
                Affiliate("G2 - Meta", 20, "640.00", "internal"),
            )
        ),
        Day((Affiliate("Blue Bench", 3, "90.00"),), next_day),
    )
    told = compose("daily_ccw", "713", next_day)
    assert len(told.context.changes) == 1
    assert told.context.changes[0].startswith("Wed, Nov 18 has changed since it was told on ")
    deliver(told)
    third = DAY + timedelta(days=2)
    post.marts.load(Day((Affiliate("Blue Bench", 1, "30.00"),), third))
    assert compose("daily_ccw", "713", third).context.changes == ()


def test_open_messages_are_sent_later_but_not_when_too_old(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    post.agency.faults.plan("twilio", "status_429", times=2, retry_after=30)
    deliver(post.only("sms"))
    first, second = rows()
    with Outbox() as box:
        box._update(first.dedupe_key, next_at=None)
        box._update(second.dedupe_key, created_at=clock.instant() - timedelta(hours=13))
    found = statuses(deliver_pending())
    assert found == {("sms", first.recipient): "sent", ("sms", second.recipient): "skipped"}
    assert deliver_pending() == []


def test_no_secret_reaches_outbox_files_or_log(
    post: Post, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ["xoxb-sandbox-713", "re_sandbox_713", "sandbox-twilio-token-713"]
    for vendor in VENDOR.values():
        post.agency.faults.plan(vendor, "status_500", times=1)
    done = deliver(post.rendered)
    rendered = render_report("daily_ccw", "713", DAY)
    texts = [caplog.text, json.dumps([one.summary() for one in done]), repr(rows())]
    texts += [path.read_text() for path in rendered.paths]
    for secret in secrets:
        assert not any(secret in text for text in texts), secret


def test_outbox_works_alike_on_both_engines(
    marts_on_both: Marts, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in start_agency().environment().items():
        monkeypatch.setenv(name, value)
    post = Post(start_agency(), marts_on_both)
    for name, value in post.agency.environment().items():
        monkeypatch.setenv(name, value)
    assert set(statuses(deliver(post.rendered)).values()) == {"sent"}
    assert set(statuses(deliver(post.rendered)).values()) == {"already"}
    assert post.received() == Counter(EVERYONE)
    entry = rows()[0]
    assert entry.sent_at is not None
    assert abs((clock.instant() - entry.sent_at).total_seconds()) < 60
    with Outbox() as box:
        assert list(box.told("daily_ccw", "713")) == [DAY]
        assert box.store(replace(entry, payload="other")).payload == entry.payload
