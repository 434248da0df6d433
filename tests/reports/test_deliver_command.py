"""`signalroom deliver` and `signalroom report alert`, as the scheduler and people run them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import signalroom
from reports.alerts import policy as alert_policy
from reports.alerts.incidents import open_incidents
from reports.delivery.outbox import Outbox, hashed
from scheduler.process import Resident
from signalroom.errors import ConfigurationError
from signalroom.paths import home
from tests.reports.alarm import Alarm
from tests.support.processes import signalroom_cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(signalroom, arguments)


def leave_open(alarm: Alarm, recipient: str) -> str:
    """A report's message to one recipient that an earlier run could not deliver."""
    alarm.report("notice", subject="pattern").deliver()
    (pattern,) = alarm.rows()
    alarm.settle("step_failed", "713", "pattern").deliver()
    payload = json.loads(pattern.payload) | {"channel": recipient}
    text = json.dumps(payload)
    row = replace(pattern, report="daily_ccw", edition="complete", recipient=recipient)
    row = replace(row, payload=text, payload_hash=hashed(text), status="pending", attempts=0)
    with Outbox() as outbox:
        outbox.store(replace(row, dedupe_key="daily_ccw:713:kept", provider_id=None, sent_at=None))
    return text


def test_nothing_due_is_said_and_is_no_failure(alarm: Alarm) -> None:
    done = run("deliver")
    assert (done.exit_code, done.output) == (0, "done    deliver: nothing to send\n")


def test_command_sends_alerts_and_what_was_left_open_and_names_each(alarm: Alarm) -> None:
    leave_open(alarm, "C0REPORTS713")
    alarm.report("notice")
    done = run("deliver")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "note    daily_ccw 713, Slack to C0REPORTS713: delivered",
        "note    alert 713, Slack to C0ALERTS713: delivered",
        "done    deliver: 2 delivered",
    ]
    assert run("deliver").output == "done    deliver: nothing to send\n"


def test_each_message_is_a_json_object_and_stdout_holds_nothing_else(alarm: Alarm) -> None:
    alarm.report("warning")
    done = signalroom_cli("deliver", "--json", env=environment(alarm))
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["channel"], one["status"], one["client_id"]) for one in messages] == [
        ("slack", "sent", "713"),
        ("email", "sent", "713"),
    ]
    assert run("deliver", "--json").output == ""


def environment(alarm: Alarm) -> dict[str, str]:
    return {
        **alarm.agency.environment(),
        "SIGNALROOM_HOME": str(home()),
        "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00",
    }


@pytest.mark.parametrize(
    ("channel", "kind", "said"),
    [
        (
            "slack",
            "ok_false",
            "Slack to C0ALERTS713: not delivered (Slack refused: not_in_channel)",
        ),
        ("twilio", "close_connection", "SMS to +12025550121: delivery unconfirmed"),
    ],
)
def test_dead_and_unknown_messages_are_failures(
    alarm: Alarm, channel: str, kind: str, said: str
) -> None:
    alarm.fault(channel, kind, times=2, error="not_in_channel")
    alarm.report()
    done = run("deliver")
    assert done.exit_code == 1
    assert f"Error: alert 713, {said}" in done.stderr
    assert "FAILED  deliver" in done.stdout


def test_report_that_is_refused_later_is_an_incident_until_it_gets_through(alarm: Alarm) -> None:
    leave_open(alarm, "C0ARCHIVED0")
    done = run("deliver")
    assert done.exit_code == 1
    (incident,) = open_incidents()
    assert incident.title == "daily_ccw was not delivered to C0ARCHIVED0"
    assert "is_archived" in incident.detail
    told = [one.text for one in alarm.slack()]
    assert told[-1] == "Warning: daily_ccw was not delivered to C0ARCHIVED0 (713)", "in the same go"
    with Outbox() as outbox:
        kept = outbox.entry("daily_ccw:713:kept")
        again = json.dumps(json.loads(kept.payload) | {"channel": "C0REPORTS713"})
        outbox.replace_payload(kept, again, "{}")
    assert run("deliver").exit_code == 0
    assert open_incidents() == []


def test_present_alerts_are_rendered_to_files(alarm: Alarm) -> None:
    alarm.report()
    done = run("report", "alert", "--client", "713")
    assert done.exit_code == 0, done.output
    assert "alert 713: Critical: Everflow could not be loaded 4 files" in done.stdout
    names = {path.name for path in (home() / "outbox").iterdir()}
    endings = ("slack.json", "email.html", "email.txt", "sms.txt")
    assert names == {f"alert-713-2026-11-19.{ending}" for ending in endings}
    assert not alarm.received()


def test_no_open_incident_is_said_in_words_and_files(alarm: Alarm, tmp_path: Path) -> None:
    alarm.report().settle()
    done = run("report", "alert", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    for client_id in ("713", "cti"):
        assert f"done    alert {client_id}: No open incidents. 4 files" in done.stdout
    assert (tmp_path / "alert-cti-2026-11-19.sms.txt").read_text() == "No open incidents.\n"


def test_alerts_of_an_earlier_day_are_those_that_lasted_on_it(alarm: Alarm, tmp_path: Path) -> None:
    alarm.at("2026-11-17T23:00").report(title="Late on Tuesday")
    alarm.at("2026-11-18T00:30").settle()
    alarm.at("2026-11-19T09:30").report("notice", subject="dbt", title="On Thursday")
    for day, said in ((17, "Late on Tuesday"), (18, "Late on Tuesday"), (19, "On Thursday")):
        done = run("report", "alert", "--client", "713", "--date", f"2026-11-{day}", "--out",
                   str(tmp_path))  # fmt: skip
        assert done.exit_code == 0, done.output
        text = (tmp_path / f"alert-713-{date(2026, 11, day)}.email.txt").read_text()
        assert said in text
        assert text.count("Thursday") + text.count("Tuesday") == 1


def test_alert_is_sent_on_demand_where_its_rules_say_and_once(alarm: Alarm) -> None:
    alarm.report("notice").report("notice", client_id="cti")
    done = run("report", "alert", "--client", "713", "--send")
    assert done.exit_code == 0, done.output
    assert run("report", "alert", "--client", "713", "--send").exit_code == 0
    assert alarm.received() == {("slack", "C0ALERTS713"): 1}
    refused = run("report", "alert", "--send", "--again")
    assert refused.exit_code == 2
    assert "reports/alerts.yml" in refused.output


def test_mistake_in_the_rules_is_named(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "alerts.yml"
    broken.write_text("channels: {}\n")
    monkeypatch.setattr(alert_policy, "FILE", broken)
    alarm.report()
    done = run("deliver")
    said = "alerts.yml, channels: critical is missing"
    assert done.exit_code == 1
    assert said in done.stderr
    assert said in run("doctor").stderr
    with pytest.raises(ConfigurationError, match=said):
        Resident()
