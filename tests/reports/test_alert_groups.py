"""Incidents with one cause are one message, to the affected recipients, and none while snoozed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from reports.alerts.causes import FailedStep, step_failed
from reports.alerts.groups import together
from reports.alerts.incidents import open_incidents, report_trouble, work_waits
from reports.alerts.snoozes import snooze
from scheduler.execution.incidents import consequence
from scheduler.schedule import read_schedule
from signalroom import clock
from signalroom.errors import ReportError
from tests.reports.alarm import Alarm, trouble
from tests.reports.reading import slack_text

CAUSE = "ingest:everflow:SourceError"


def both(alarm: Alarm, severity: str = "critical") -> None:
    for client in ("713", "cti"):
        alarm.report(severity, client_id=client, cause=CAUSE, detail=f"Detail of {client}.")


def test_recipient_of_one_client_hears_of_another(alarm: Alarm) -> None:
    both(alarm)
    alarm.deliver()
    by_channel = {one.recipients[0]: slack_text(dict(one.payload)) for one in alarm.slack()}
    assert "Detail of 713." in by_channel["C0ALERTS713"]
    assert "cti" not in by_channel["C0ALERTS713"]
    assert "713" not in by_channel["C0ALERTSCTI"].replace("Critical Ads 713", "")
    for mail in (one for one in alarm.agency.messages if one.channel == "resend"):
        other = "713" if mail.recipients == ("coach@example.org",) else "cti"
        assert f"Detail of {other}." not in mail.text


def test_person_named_for_both_clients_hears_twice(alarm: Alarm) -> None:
    for suffix in ("", "__CTI"):
        alarm.setenv(f"ALERT_EMAILS{suffix}", "ops@example.org")
    both(alarm)
    alarm.deliver()
    [mail] = [one for one in alarm.agency.messages if "ops@example.org" in one.recipients]
    assert mail.payload["subject"] == "Critical: Everflow could not be loaded (713, cti)"
    assert "713: Detail of 713. cti: Detail of cti." in mail.text
    assert "(713, cti)" in mail.payload["html"]
    alarm.at(minutes=30).settle("step_failed", "cti", "ingest:everflow").deliver()
    alarm.at(minutes=40).settle().deliver()
    mails = [one for one in alarm.agency.messages if "ops@example.org" in one.recipients]
    assert len(mails) == 2, "one while it lasts for anybody, one at the end"


def test_people_who_read_reports_get_alerts_unasked(alarm: Alarm) -> None:
    for name in ("ALERT_EMAILS", "ALERT_NUMBERS"):
        alarm.setenv(name, "")
    alarm.report().deliver()
    assert set(alarm.received()) == {("slack", "C0ALERTS713")}


def test_message_leaves_before_the_other_client_has_failed_too(alarm: Alarm) -> None:
    """It leaves after a minute of business time, which is two seconds here."""
    alarm.setenv("SIGNALROOM_CLOCK_FACTOR", "30")
    alarm.report()
    assert alarm.deliver() == {}
    assert not alarm.received()
    time.sleep(2.1)
    assert work_waits()
    alarm.deliver()
    assert alarm.received()


@pytest.mark.parametrize("client", ["713", "*"])
def test_symptom_is_told_beside_its_cause_or_forgotten_after_it(alarm: Alarm, client: str) -> None:
    late = trouble("warning", kind="source_late", subject="everflow", title="Everflow is late")
    alarm.report(client_id=client)
    report_trouble(late)
    alarm.deliver()
    assert [one.text for one in alarm.slack()] == [
        f"Critical: Everflow could not be loaded ({'713' if client == '713' else 'all clients'})"
    ]
    alarm.at(minutes=5).settle("step_failed", client, "ingest:everflow").deliver()
    assert len(alarm.slack()) == 1, "the next build finds it gone, or not"
    alarm.at(minutes=40)
    assert work_waits()
    alarm.deliver()
    assert [one.text for one in alarm.slack()][1] == "Warning: Everflow is late (713)"


def test_snoozed_alert_speaks_or_stays_silent_for_good(alarm: Alarm) -> None:
    alarm.report(cause=CAUSE)
    until = clock.now() + timedelta(days=2)
    [found] = snooze(CAUSE, until, "they know")
    assert (found.client_id, found.cause) == ("713", CAUSE)
    alarm.deliver()
    alarm.at(hours=20).settle().at(hours=30).report(cause=CAUSE).deliver()
    assert not alarm.received()
    alarm.at(days=2, minutes=1)
    assert work_waits()
    alarm.deliver()
    assert set(alarm.received().values()) == {1}
    with pytest.raises(ReportError, match=f"There are: {CAUSE}"):
        snooze("nothing", until, "x")


def test_a_message_depends_on_which_of_two_opened_first(alarm: Alarm) -> None:
    """The engines may record two findings of one check in a different order."""
    for client in ("cti", "713"):
        alarm.report("warning", client_id=client, cause=CAUSE, title=f"Title of {client}")
    found = open_incidents()
    assert together(found) == together(found[::-1])
    assert together(found).title == "713: Title of 713; cti: Title of cti"


def test_same_error_is_another_cause_at_another_source() -> None:
    def failed(client: str, step: str, kind: str) -> str:
        return step_failed(FailedStep(step, client, kind, "x", 1, "r", "hourly")).cause

    assert failed("713", "ingest:redtrack", "SourceError") == failed(
        "cti", "ingest:redtrack", "SourceError"
    )
    assert failed("713", "ingest:redtrack", "SourceError") != failed(
        "713", "ingest:everflow", "SourceError"
    )
    assert failed("713", "ingest:redtrack", "WarehouseError") == failed(
        "*", "dbt", "WarehouseError"
    )


@pytest.mark.parametrize(
    ("step", "kind", "title", "repair"),
    [
        ("ingest:redtrack", "CredentialsError", "RedTrack rejected the API key",
         "Put a new REDTRACK_API_KEY__CTI into .env, then `signalroom trigger hourly`."),
        ("ingest:s3_exports", "CredentialsError", "S3 exports rejected the API key",
         "Put a new AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into .env, then"),
        ("ingest:everflow", "SourceError", "Everflow does not answer",
         "`signalroom trigger hourly` tries now."),
        ("dbt", "TestsFailed", "A check of the numbers failed in dbt build",
         "Fix what the check names"),
        ("dbt", "WarehouseError", "The warehouse is unavailable", "`signalroom doctor` checks"),
        ("report:daily_ccw", "DeliveryError", "daily_ccw was refused by its channel",
         "`signalroom report daily_ccw --send`"),
        ("report:daily_ccw", "KeyError", "daily_ccw could not be made", "`signalroom runs show r`"),
    ],
)  # fmt: skip
def test_alert_names_the_step_instead_of_the_cause(
    step: str, kind: str, title: str, repair: str
) -> None:
    found = step_failed(FailedStep(step, "cti", kind, "It says no.", 1, "r", "hourly"))
    assert found.title == title
    assert repair in found.repair
    assert "It says no." in found.detail


@pytest.mark.parametrize(
    ("step", "kind", "now", "severity", "quiet"),
    [
        ("ingest:redtrack", "CredentialsError", "05:30", "critical", None),
        ("ingest:mautic", "CredentialsError", "06:15", "warning", None),
        ("ingest:redtrack", "SourceError", "05:40", "warning", "07:15"),
        ("ingest:redtrack", "SourceError", "07:31", "critical", None),
        ("ingest:redtrack", "SourceError", "13:05", "warning", "14:15"),
        ("ingest:redtrack", "SourceError", "23:05", "warning", None),
        ("dbt", "TestsFailed", "13:05", "critical", None),
        ("dbt", "OperationalError", "13:05", "warning", "14:15"),
        ("report:daily_ccw", "ReportError", "07:01", "critical", None),
        ("report:daily_ccw", "Undelivered", "07:01", "warning", "07:16"),
    ],
)
def test_severity_follows_the_step_and_not_the_next_report(
    step: str, kind: str, now: str, severity: str, quiet: str | None
) -> None:
    at = datetime.fromisoformat(f"2026-11-19T{now}").replace(tzinfo=clock.zone())
    found, until = consequence(read_schedule(), step, kind, at)
    assert found == severity
    assert (f"{until.astimezone(clock.zone()):%H:%M}" if until else None) == quiet


def test_small_gap_of_the_mapping_is_told(alarm: Alarm) -> None:
    alarm.report("notice", is_silent=True).deliver()
    assert not alarm.received()
    assert [one.is_silent for one in open_incidents()] == [True]
    alarm.at(hours=1).report("warning").deliver()
    assert alarm.received(), "it has become dear"
