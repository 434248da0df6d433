"""An incident causes one message, which is edited while it lasts, and an all-clear at the end."""

from __future__ import annotations

import pytest

from reports.alerts.incidents import CALM, notice, work_waits
from tests.reports.alarm import EMAILS, EVERYONE, PHONES, SLACK, Alarm
from tests.reports.reading import slack_text

RESOLVED = "Resolved, lasted 40 min:"


def test_everyone_hears_once_of_something_critical_and_once_that_it_is_over(
    alarm_on_both: Alarm,
) -> None:
    alarm = alarm_on_both.report()
    assert alarm.deliver() == {
        ({"resend": "email", "twilio": "sms"}.get(channel, channel), to): "sent"
        for channel, to in EVERYONE
    }
    for minutes in (1, 2, 3):
        alarm.at(minutes=minutes).report()
    assert alarm.deliver() == {}, "repeats are counted"
    assert set(alarm.received().values()) == {1}
    posted = alarm.slack()[0]
    alarm.at(minutes=40).settle().deliver()
    assert alarm.received() == {SLACK: 1, **dict.fromkeys(EMAILS | PHONES, 2)}
    (message,) = alarm.slack()
    assert message.message_id == posted.message_id
    shown = slack_text(dict(message.payload))
    assert ":large_green_circle: *Resolved, lasted 40 min:* Everflow could not be loaded" in shown
    assert RESOLVED in shown
    assert "What to do now" not in shown
    assert alarm.deliver() == {}
    assert not work_waits()


def test_end_of_a_warning_edits_the_message_and_disturbs_nobody(alarm: Alarm) -> None:
    alarm.report("warning").deliver()
    assert set(alarm.received()) == {SLACK} | EMAILS
    alarm.at(minutes=40).settle().deliver()
    assert set(alarm.received().values()) == {1}
    assert RESOLVED in slack_text(dict(alarm.slack()[0].payload))


def test_follow_up_by_mail_stays_in_the_thread_of_its_incident(alarm: Alarm) -> None:
    alarm.report().report(subject="dbt").deliver()
    alarm.at(minutes=40).report(title="Everflow still fails").settle().deliver()
    mails = [one for one in alarm.agency.messages if one.recipients == ("owner@example.org",)]
    begin, other, end = (message.payload for message in mails)
    thread = begin["headers"]["References"]
    assert begin["headers"] == {"References": thread}
    assert end["headers"] == {"References": thread, "In-Reply-To": thread}
    assert other["headers"]["References"] != thread
    assert end["subject"] == f"Re: {begin['subject']}", "Gmail splits the thread otherwise"
    assert end["text"].startswith("Resolved, lasted 40 min: Everflow still fails\n")


def test_number_of_repeats_is_brought_up_to_date_hourly(alarm: Alarm) -> None:
    alarm.report("warning").deliver()
    alarm.at(minutes=10).report("warning").deliver()
    assert "Occurred" not in slack_text(dict(alarm.slack()[0].payload))
    alarm.at(minutes=61).deliver()
    assert "Occurred 2 times, latest Nov 19, 9:40 AM EST." in slack_text(
        dict(alarm.slack()[0].payload)
    )
    assert set(alarm.received().values()) == {1}
    alarm.at(hours=5).deliver()
    assert not work_waits()


def test_trouble_that_flaps_is_one_message_in_six_hours(alarm: Alarm) -> None:
    alarm.report().deliver()
    for hour in range(1, 5):
        alarm.at(hours=hour).settle().deliver()
        alarm.at(hours=hour, minutes=30).report().deliver()
        (message,) = alarm.slack()
        assert ":red_circle:" in slack_text(dict(message.payload))
    assert "Recurred 4 times." in slack_text(dict(message.payload))
    # One alert and one all-clear; recipients of the all-clear are alerted again only after the calm
    # period.
    assert alarm.received() == {SLACK: 1, **dict.fromkeys(EMAILS | PHONES, 2)}
    assert not work_waits()
    alarm.at(seconds=CALM.total_seconds())
    assert work_waits()
    alarm.deliver()
    assert alarm.received() == {SLACK: 1, **dict.fromkeys(EMAILS | PHONES, 3)}
    alarm.at(hours=7).settle().deliver()
    shown = slack_text(dict(alarm.slack()[0].payload))
    assert "Resolved, lasted 7 h, on and off:" in shown
    assert "lasted 7 h, on and off" in alarm.first("twilio")[-1].text


def test_trouble_that_comes_back_later_is_a_new_message(alarm: Alarm) -> None:
    alarm.report("warning").deliver()
    alarm.at(hours=1).settle().deliver()
    alarm.at(seconds=CALM.total_seconds() + 60).report("warning").deliver()
    assert set(alarm.received().values()) == {2}
    old, new = alarm.slack()
    assert "Resolved" in old.text
    assert "Resolved" not in new.text


def test_warning_that_becomes_critical_reaches_the_telephones_too(alarm: Alarm) -> None:
    alarm.report("warning").deliver()
    assert not PHONES & set(alarm.received())
    alarm.at(minutes=5).report("critical").deliver()
    assert set(alarm.received()) == EVERYONE
    assert set(alarm.received().values()) == {1}
    assert ":red_circle: *Critical:" in slack_text(dict(alarm.slack()[0].payload))


@pytest.mark.parametrize("severity", ["warning", "notice"])
def test_night_is_quiet_and_the_morning_brings_what_is_still_wrong(
    alarm: Alarm, severity: str
) -> None:
    alarm.at("2026-11-18T23:00").report(severity).report(severity, subject="redtrack").deliver()
    assert not alarm.received()
    assert not work_waits(), "nothing to start a process for until the morning"
    alarm.at("2026-11-19T03:00").report(severity).settle(*("step_failed", "713", "redtrack"))
    alarm.deliver()
    assert not alarm.received()
    alarm.at("2026-11-19T06:59").deliver()
    assert not alarm.received()
    alarm.at("2026-11-19T07:00")
    assert work_waits()
    alarm.deliver()
    (message,) = alarm.slack()
    assert "Since Nov 18, 11:00 PM EST. Occurred 2 times" in slack_text(dict(message.payload))


def test_critical_alert_and_the_end_of_an_earlier_one_pass_at_night(alarm: Alarm) -> None:
    alarm.at("2026-11-18T21:50").report("warning", subject="early").deliver()
    alarm.at("2026-11-18T22:30").settle("step_failed", "713", "early").report().deliver()
    assert set(alarm.received()) == EVERYONE
    early, late = alarm.slack()
    assert "Resolved, lasted 40 min:" in slack_text(dict(early.payload))
    assert "Critical" in late.text


def test_what_is_over_before_anybody_was_told_is_never_told(alarm: Alarm) -> None:
    alarm.report().settle()
    assert alarm.deliver() == {}
    assert not alarm.received()


def test_notice_goes_where_it_says_and_only_once(alarm: Alarm) -> None:
    notice("713", "everflow: 1,523 rows, 18 s", "All is well.", ["slack", "sms"])
    alarm.deliver()
    alarm.at(hours=12).deliver()
    assert alarm.received() == {SLACK: 1, **dict.fromkeys(PHONES, 1)}
    assert alarm.first("twilio")[0].text.startswith("everflow: 1,523 rows, 18 s (713).")
    shown = slack_text(dict(alarm.slack()[0].payload))
    assert ":speech_balloon: *everflow: 1,523 rows, 18 s*\nAll is well." in shown
    assert "Since" not in shown


def test_as_many_incidents_are_as_many_messages(alarm: Alarm) -> None:
    for number in range(3):
        alarm.at(minutes=number).report("notice", subject=str(number), title=f"Trouble {number}")
    alarm.deliver()
    told = [f"Notice: Trouble {number} (713)" for number in range(3)]
    assert [message.text for message in alarm.slack()] == told
