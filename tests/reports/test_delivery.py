"""Delivery: everyone gets the report once, and later changes are reported once."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from reports import compose, deliver, render_report
from reports.delivery.outbox import Outbox
from sandbox import Agency
from signalroom import clock
from tests.reports.post import EVERYONE, VENDOR, Post, rows, statuses
from tests.reports.world import DAY, Affiliate, Day, Marts


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
    # Slack draws the trend itself if it accepts such blocks, as it does here
    kinds = [one["type"] for one in by_vendor["slack"].payload["blocks"]]
    assert (kinds.count("data_visualization"), kinds.count("image")) == (2, 0)
    assert by_vendor["slack"].payload["blocks"][:3] == messages["slack"]["blocks"][:3]
    assert by_vendor["slack"].payload["text"] == messages["slack"]["text"]
    assert by_vendor["resend"].payload["html"] == messages["email"]["html"]
    assert by_vendor["resend"].payload["text"] == messages["email"]["text"]
    assert by_vendor["resend"].payload["subject"] == messages["email"]["subject"]
    assert by_vendor["twilio"].text == messages["sms"]["body"]


@pytest.mark.fault(55)
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


def test_incomplete_message_is_followed_by_one_correction_and_no_more(post: Post) -> None:
    post.marts.load(Day(is_complete=False, redtrack=None))
    deliver(compose("daily_ccw", "713", DAY))
    assert set(statuses(deliver(compose("daily_ccw", "713", DAY))).values()) == {"already"}
    post.marts.load(Day())
    whole = compose("daily_ccw", "713", DAY)
    assert whole.context.changes[0].startswith("Replaces the incomplete report of ")
    assert "cost unknown \u2192 $1,260.00" in whole.context.changes[0]
    assert set(statuses(deliver(whole)).values()) == {"sent"}
    assert set(post.received().values()) == {2}
    assert set(statuses(deliver(whole)).values()) == {"already"}
    post.marts.load(Day(is_complete=False, redtrack=None))  # an older state is not sent again
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
    assert told.context.changes[0].startswith("Wed, Nov 18 has changed since we reported it on ")
    deliver(told)
    third = DAY + timedelta(days=2)
    post.marts.load(Day((Affiliate("Blue Bench", 1, "30.00"),), third))
    assert compose("daily_ccw", "713", third).context.changes == ()


@pytest.mark.fault(58)
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
        assert list(box.last_reports("daily_ccw", "713")) == [DAY]
        assert box.store(replace(entry, payload="other")).payload == entry.payload
