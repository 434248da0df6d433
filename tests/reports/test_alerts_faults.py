"""Alerts when vendors fail: each is still sent once, and so is its all-clear."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from slack_sdk import WebClient

from reports.alerts import deliver as alerting
from reports.alerts import policy as alert_policy
from reports.alerts.incidents import open_incidents, work_waits
from tests.reports.alarm import EMAILS, PHONES, SLACK, Alarm, statuses
from tests.reports.reading import slack_text

RESOLVED = "Resolved, lasted 40 min:"


def shown(alarm: Alarm) -> str:
    (message,) = alarm.slack()
    return slack_text(dict(message.payload))


@pytest.mark.parametrize("kind", ["accept_then_close", "close_connection", "status_500"])
@pytest.mark.parametrize("channel", ["slack", "resend"])
def test_lost_answer_neither_loses_nor_doubles_the_alert(
    alarm: Alarm, channel: str, kind: str
) -> None:
    alarm.fault(channel, kind)
    alarm.report("warning").deliver()
    assert alarm.received() == dict.fromkeys({SLACK} | EMAILS, 1)


@pytest.mark.parametrize("kind", ["accept_then_close", "status_500", "status_429"])
def test_lost_answer_to_an_edit_is_made_up_for(alarm: Alarm, kind: str) -> None:
    alarm.report("warning").deliver()
    alarm.fault("slack", kind, retry_after=1)
    alarm.at(minutes=40).settle().deliver()
    assert RESOLVED in shown(alarm)
    assert not work_waits()
    asked = [request.path for request in alarm.agency.requests]
    assert not [path for path in asked if "history" in path], "an edit is simply made again"


def test_message_that_may_have_arrived_is_looked_for_before_its_end_is_told(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "2")
    alarm.fault("slack", "accept_then_close")
    alarm.fault("slack", "status_429", match="history", retry_after=600)
    assert set(alarm.report("notice").deliver().values()) == {"unknown"}
    alarm.at(minutes=40).settle()
    assert alarm.deliver() == {}
    alarm.at(minutes=60).wait_out()
    alarm.deliver()
    assert RESOLVED in shown(alarm)
    assert not work_waits()


def test_sms_without_an_answer_is_not_sent_twice_and_its_end_is_told(alarm: Alarm) -> None:
    alarm.fault("twilio", "accept_then_close", times=2)
    found = alarm.report().deliver()
    assert found["sms", "+12025550121"] == "unknown"
    alarm.wait_out()
    assert set(alarm.deliver().values()) == {"sent"}, "found, not sent"
    alarm.at(minutes=40).settle().deliver()
    assert alarm.received() == {SLACK: 1, **dict.fromkeys(EMAILS | PHONES, 2)}


def test_busy_channel_holds_nobody_and_is_asked_again_later(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "1")
    alarm.fault("slack", "status_429", retry_after=600)
    found = alarm.report("warning").deliver()
    assert found.pop(("slack", "C0ALERTS713")) == "pending"
    assert set(found.values()) == {"sent"}
    assert not work_waits()
    alarm.wait_out()
    assert work_waits()
    assert alarm.deliver() == {("slack", "C0ALERTS713"): "sent"}
    assert set(alarm.received().values()) == {1}


def test_alert_that_is_over_before_the_channel_took_it_is_given_up(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "1")
    alarm.fault("slack", "status_429", retry_after=600)
    alarm.report("notice").deliver()
    alarm.at(minutes=40).settle().deliver()
    alarm.wait_out()
    assert alarm.deliver() == {}
    assert not alarm.received()
    assert [(row.status, row.reason) for row in alarm.rows()] == [
        ("skipped", "superseded by what happened since")
    ]


def test_edit_that_waited_too_long_is_overtaken_by_newer_words(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "1")
    alarm.report("notice").deliver()
    alarm.fault("slack", "status_429", retry_after=600)
    alarm.at(minutes=40).settle().deliver()
    alarm.at(minutes=50).report("notice").deliver()
    assert ":large_blue_circle:" in shown(alarm), "nothing says that it is over while it is not"
    alarm.at(minutes=60).settle().deliver()
    assert "Resolved, lasted 1 h, on and off:" in shown(alarm)
    assert not work_waits()


def test_deleted_message_is_followed_by_one_new_one_that_it_is_over(alarm: Alarm) -> None:
    alarm.report("warning").deliver()
    (message,) = alarm.slack()
    bot = WebClient("xoxb-sandbox-713", base_url=os.environ["SLACK_BASE_URL"])
    bot.chat_delete(channel="C0ALERTS713", ts=message.message_id)
    alarm.at(minutes=40).settle()
    alarm.deliver()
    assert RESOLVED in shown(alarm)
    assert [row.status for row in alarm.rows() if row.channel == "slack"] == [
        "sent",
        "dead",
        "sent",
    ]
    assert alarm.deliver() == {}
    alarm.at(minutes=50).report("warning").deliver()
    assert ":large_orange_circle:" in shown(alarm), "the new message is the one that is edited"


def test_deleted_message_is_not_posted_again_for_a_mere_count(alarm: Alarm) -> None:
    alarm.report("notice").deliver()
    alarm.at(minutes=5).report("notice")
    alarm.fault("slack", "ok_false", error="message_not_found")
    alarm.at(minutes=61).deliver()
    alarm.at(minutes=122).report("notice").deliver()
    assert set(alarm.received().values()) == {1}
    assert not work_waits()


def test_edit_and_new_message_both_refused_end_it(alarm: Alarm) -> None:
    alarm.report("notice").deliver()
    alarm.fault("slack", "ok_false", times=2, error="channel_not_found")
    alarm.at(minutes=40).settle().deliver()
    alarm.deliver()
    assert not work_waits(), "nothing is asked forever"
    assert [row.status for row in alarm.rows()] == ["sent", "dead", "dead"]


def test_dead_recipient_or_channel_does_not_hold_the_others(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_ALERT_CHANNEL_ID", "C0ARCHIVED0")
    monkeypatch.setenv("ALERT_EMAILS", "broken, owner@example.org")
    monkeypatch.setenv("ALERT_NUMBERS", "+15005550004,+12025550121")
    assert alarm.report().deliver() == {
        ("slack", "C0ARCHIVED0"): "dead",
        ("email", "broken"): "dead",
        ("email", "owner@example.org"): "sent",
        ("sms", "+15005550004"): "dead",
        ("sms", "+12025550121"): "sent",
    }
    assert alarm.deliver() == {}
    assert len(open_incidents()) == 1, "an alert that fails is no incident of its own"


def test_channel_that_is_not_set_up_is_said_and_the_others_are_used(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    found = alarm.report("warning").deliver()
    assert found.pop(("slack", "")) == "off"
    assert set(found.values()) == {"sent"}


def test_incident_that_cannot_be_told_is_named_and_holds_neither_others_nor_the_machine(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alarm.report("warning").report("notice", client_id="cti")
    broken = tmp_path / "alerts.yml"
    broken.write_text(alert_policy.FILE.read_text().replace("[slack]", "[pigeon]"))
    with monkeypatch.context() as patch:
        patch.setattr(alert_policy, "FILE", broken)
        sent = alerting.deliver_due()
    assert len(sent.failures) == 1
    assert (
        "alert 713, cti, Everflow could not be loaded: alerts.yml, channels, notice: 'pigeon'"
        in (sent.failures[0])
    )
    assert not work_waits(), "not asked again at once"
    alarm.at(minutes=15)
    assert set(statuses(alerting.deliver_due().deliveries).values()) == {"sent"}
