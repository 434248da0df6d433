"""The rehearsed bad morning: it once caused 43 alert messages, and may now cause six.

Both clients' RedTrack keys are refused from 05:20 to 09:10, Everflow rate-limits for ten minutes at
07:00, and seven traffic sources of a few dollars have no affiliate. This test calls the functions
that record, group and send; in `test_rehearsed_morning` (deep) the scheduler does all of it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from reports.alerts import findings
from reports.alerts.incidents import report_trouble, settle_trouble, work_waits
from scheduler.execution.incidents import Troubles
from scheduler.runs.ledger import Run, Step
from scheduler.schedule import read_schedule
from signalroom import clock
from tests.reports.alarm import Alarm
from tests.reports.reading import slack_text

DAY = date(2026, 11, 19)
REFUSED = "API key rejected (HTTP 401)."
GAPS = {"713": ("27.10", "8.20", "19.99", "12.40", "9.83"), "cti": ("8.05", "22.70")}
OPS_MAIL, OPS_PHONE = "ops@example.org", "+12025550141"


def on_call(alarm: Alarm) -> None:
    """One person gets the alerts of both clients, as in the simulated agency."""
    for suffix in ("", "__CTI"):
        alarm.setenv(f"ALERT_EMAILS{suffix}", OPS_MAIL)
        alarm.setenv(f"ALERT_NUMBERS{suffix}", OPS_PHONE)


def run_of(job: str) -> Run:
    now = clock.now()
    run_id = f"{job}-{now:%Y%m%dT%H%MZ}"
    return Run(
        run_id=run_id, dedupe_key=run_id, job=job, scheduled_for=now, day=DAY, trigger="schedule",
        status="running", created_at=now,
    )  # fmt: skip


def pull(troubles: Troubles, job: str, *failing: tuple[str, str], source: str = "redtrack") -> None:
    """One pull of a source; `failing` has the error class by client, and is empty on success."""
    run = run_of(job)
    step = Step(run.run_id, f"ingest:{source}", 0)
    if failing:
        said = [
            (client, kind, f"{source} for client {client}: {REFUSED}") for client, kind in failing
        ]
        troubles.step_failed(run, step, said, 1)
    else:
        troubles.step_done(step, frozenset({"713", "cti", "*"}))


def look(late: str, deferred: datetime | None = None) -> None:
    """The findings of the checks after a build: the mapping gaps and the late source."""
    for client, costs in GAPS.items():
        spend = [
            findings.Unmapped(f"Gap {at}", DAY - timedelta(days=1), Decimal(cost))
            for at, cost in enumerate(costs)
        ]
        report_trouble(findings.unmapped_spend(client, spend, Decimal(100)))
        for source in ("redtrack", "everflow"):
            if source == late:
                due = clock.now() - timedelta(minutes=31)
                before = due - timedelta(hours=2)
                found = findings.source_late(client, source, before, due, deferred)
                assert found is not None
                report_trouble(found)
            else:
                settle_trouble("source_late", client, source)


def test_bad_morning_floods_nobody_and_names_its_cause(alarm: Alarm) -> None:
    on_call(alarm)
    troubles = Troubles(read_schedule())
    refused = (("713", "CredentialsError"), ("cti", "CredentialsError"))
    minute = datetime.fromisoformat("2026-11-19T05:30").replace(tzinfo=clock.zone())
    while f"{minute:%H:%M}" < "10:20":
        alarm.at(f"{minute:%Y-%m-%dT%H:%M}")
        now = f"{minute:%H:%M}"
        if now == "05:30":
            pull(troubles, "restatement", *refused)
        if now in ("07:00", "07:15", "07:30", "07:45"):
            pull(troubles, "daily_reports", *refused)
        if now in ("08:00", "09:00"):
            pull(troubles, "hourly", *refused)
        if now == "10:00":
            pull(troubles, "hourly")
        if now in ("05:40", "07:20", "07:35", "07:50", "08:05", "09:05"):
            look("redtrack")
        if now == "07:10":  # rate-limited until 07:12
            look("everflow", clock.now() + timedelta(minutes=2))
        if now == "10:05":
            look("")
        if work_waits():
            alarm.deliver()
        minute += timedelta(minutes=5)
    sent = alarm.agency.messages
    assert len(sent) <= 6
    told = [(one.channel, one.recipients[0]) for one in sent]
    assert sorted(told) == sorted(
        [
            ("slack", "C0ALERTS713"),
            ("slack", "C0ALERTSCTI"),
            *[("resend", OPS_MAIL), ("twilio", OPS_PHONE)] * 2,
        ]
    )
    for one in sent:
        shown = slack_text(dict(one.payload)) if one.channel == "slack" else ""
        assert "RedTrack rejected the API key" in one.text + shown, one
    mail, text = alarm.first("resend")[0], alarm.first("twilio")[0].text
    assert mail.payload["subject"] == "Critical: RedTrack rejected the API key (713, cti)"
    repair = "Put a new REDTRACK_API_KEY and REDTRACK_API_KEY__CTI into .env, then 'signalroom"
    assert repair in mail.text
    assert text.startswith("CRITICAL: RedTrack rejected the API key (713, cti). Put a new RED")
    posts = sorted(alarm.slack(), key=lambda post: post.recipients)
    for post, own, other in zip(posts, ("713", "cti"), ("cti", "713"), strict=True):
        shown = slack_text(dict(post.payload))
        assert f"Critical Ads {own}" in shown or own.upper() in shown
        assert f"client {other}" not in shown, "a client's channel hears of that client alone"


def test_outage_that_a_later_pull_mends_in_time_wakes_somebody(alarm: Alarm) -> None:
    on_call(alarm)
    troubles = Troubles(read_schedule())
    down = (("713", "SourceError"), ("cti", "SourceError"))
    alarm.at("2026-11-19T05:35")
    pull(troubles, "restatement", *down)
    alarm.deliver()
    alarm.at("2026-11-19T07:01")
    pull(troubles, "daily_reports")
    alarm.deliver()
    alarm.at("2026-11-19T08:30").deliver()
    assert not alarm.received()


def test_outage_that_outlives_the_last_pull_before_the_report_stays_unheard(alarm: Alarm) -> None:
    on_call(alarm)
    troubles = Troubles(read_schedule())
    alarm.at("2026-11-19T05:35")
    pull(troubles, "restatement", ("713", "SourceError"))
    alarm.at("2026-11-19T07:31")
    pull(troubles, "daily_reports", ("713", "SourceError"))
    alarm.deliver()
    assert alarm.first("twilio")[0].text.startswith("CRITICAL: RedTrack does not answer (713).")


def test_outage_in_the_afternoon_is_a_warning_once_the_next_pull_failed_too(alarm: Alarm) -> None:
    on_call(alarm)
    troubles = Troubles(read_schedule())
    alarm.at("2026-11-19T13:01")
    pull(troubles, "hourly", ("713", "SourceError"))
    alarm.deliver()
    alarm.at("2026-11-19T14:01")
    pull(troubles, "hourly", ("713", "SourceError"))
    alarm.deliver()
    assert not alarm.received()
    alarm.at("2026-11-19T14:16").deliver()
    assert alarm.received() == {("slack", "C0ALERTS713"): 1, ("resend", OPS_MAIL): 1}
