"""Incidents: one per problem, however often and from wherever it is reported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reports.alerts.incidents import (
    CALM,
    REFRESH,
    Incident,
    Incidents,
    Trouble,
    notice,
    open_incidents,
    report_trouble,
    settle_trouble,
    work_waits,
)
from signalroom.errors import ReportError
from tests.support.warehouse import Warehouse, empty_warehouse

START = datetime.fromisoformat("2026-11-19T09:00:00-05:00")
TROUBLE = Trouble(
    kind="step_failed",
    client_id="713",
    subject="ingest:everflow",
    severity="warning",
    title="Everflow could not be loaded",
    detail="It answered 500 five times. The tables keep their rows.",
    repair="Nothing: the next hourly pull tries again.",
)
KEY = ("step_failed", "713", "ingest:everflow")


class Time:
    """Business time that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.set(timedelta())

    def set(self, after_start: timedelta) -> None:
        self._monkeypatch.setenv("SIGNALROOM_NOW", (START + after_start).isoformat())


@pytest.fixture
def time(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Time:
    """On each engine."""
    warehouse.activate(monkeypatch)
    return Time(monkeypatch)


@pytest.fixture
def time_here(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Time]:
    """On SQLite only."""
    with empty_warehouse("duckdb", tmp_path_factory.mktemp("home"), None) as warehouse:
        warehouse.activate(monkeypatch)
        yield Time(monkeypatch)


def only() -> Incident:
    (incident,) = open_incidents()
    return incident


def told() -> None:
    """Record that a message about everything due was just created."""
    with Incidents() as incidents:
        for incident in incidents.due():
            now = max(incident.last_at, incident.settled_at or incident.last_at)
            assert incidents.record_sent(incident, None, incident.told_at or now)


def test_trouble_is_opened_counted_settled_and_forgotten(time: Time) -> None:
    assert not work_waits()
    report_trouble(TROUBLE)
    assert work_waits()
    time.set(timedelta(minutes=10))
    report_trouble(replace(TROUBLE, detail="It answered 503."))
    incident = only()
    assert (incident.count, incident.detail) == (2, "It answered 503.")
    assert incident.opened_at == START
    assert incident.last_at == START + timedelta(minutes=10)
    told()
    assert not work_waits()
    settle_trouble(*KEY)
    assert open_incidents() == []
    assert work_waits(), "that it is over has to be told"
    told()
    settle_trouble(*KEY)
    settle_trouble("step_failed", "713", "ingest:redtrack")
    assert not work_waits(), "nothing is open, nothing happens"


def test_incidents_of_other_kinds_clients_and_subjects_are_others(time_here: Time) -> None:
    for change in ({}, {"kind": "source_late"}, {"client_id": "cti"}, {"subject": "dbt"}):
        report_trouble(replace(TROUBLE, **change))  # type: ignore[arg-type]
    assert len(open_incidents()) == 4
    settle_trouble(*KEY)
    assert len(open_incidents()) == 3


def test_one_incident_stands_however_many_report_it_at_once(time: Time) -> None:
    report_trouble(TROUBLE)
    settle_trouble(*KEY)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: report_trouble(replace(TROUBLE, subject="dbt")), range(4)))
        list(pool.map(lambda _: report_trouble(TROUBLE), range(4)))
    assert {one.subject: one.count for one in open_incidents()} == {
        "dbt": 4,
        "ingest:everflow": 5,
    }


def test_flapping_trouble_is_one_incident_and_a_later_one_is_new(time_here: Time) -> None:
    report_trouble(TROUBLE)
    told()
    first = only().incident_id
    time_here.set(timedelta(hours=1))
    settle_trouble(*KEY)
    time_here.set(CALM - timedelta(minutes=1))
    report_trouble(TROUBLE)
    assert (only().incident_id, only().rounds, only().count) == (first, 2, 2)
    assert only().settled_at is None
    settle_trouble(*KEY)
    time_here.set(CALM + timedelta(minutes=1))
    report_trouble(TROUBLE)
    assert only().incident_id != first
    assert (only().rounds, only().count) == (1, 1)


def test_repeat_refreshes_the_message_hourly_and_a_worse_one_at_once(time_here: Time) -> None:
    report_trouble(TROUBLE)
    told()
    time_here.set(timedelta(minutes=5))
    report_trouble(TROUBLE)
    assert not work_waits()
    time_here.set(REFRESH)
    assert work_waits()
    told()
    report_trouble(replace(TROUBLE, severity="critical"))
    assert work_waits()
    report_trouble(TROUBLE)
    assert only().severity == "critical", "what was critical is not played down"


def test_what_nobody_was_told_of_ends_in_silence(time_here: Time) -> None:
    report_trouble(TROUBLE)
    settle_trouble(*KEY)
    assert not work_waits()


def test_change_that_another_process_overtook_is_not_written_over(time_here: Time) -> None:
    report_trouble(TROUBLE)
    with Incidents() as incidents:
        (seen,) = incidents.due()
        settle_trouble(*KEY)
        report_trouble(TROUBLE)
        assert not incidents.record_sent(seen, None, START)
    assert work_waits()


def test_notice_is_said_once_and_is_no_incident(time_here: Time) -> None:
    notice("713", "everflow: 1,523 rows, 18 s", "", ["slack"])
    assert open_incidents() == []
    with Incidents() as incidents:
        (said,) = incidents.due()
    assert (said.channels, said.title) == (("slack",), "everflow: 1,523 rows, 18 s")
    told()
    assert not work_waits()


def test_worst_and_oldest_come_first(time_here: Time) -> None:
    for number, severity in enumerate(("notice", "critical", "warning", "critical")):
        time_here.set(timedelta(minutes=number))
        report_trouble(replace(TROUBLE, subject=str(number), severity=severity))
    assert [one.subject for one in open_incidents()] == ["1", "3", "2", "0"]


def test_unwritable_text_and_secrets_are_kept_out(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERFLOW_API_KEY", "ef-secret-canary")
    hostile = "\x00a\ud800b\u202ec ef-secret-canary " + "N" * 5000
    report_trouble(Trouble("kind\x00", "713", hostile, "critical", hostile, hostile, hostile))
    incident = only()
    texts = (incident.subject, incident.title, incident.detail, incident.repair)
    for text in texts:
        assert text.startswith("abc *** NNN")
        assert len(text) <= 2000
    settle_trouble("kind\x00", "713", hostile)
    assert open_incidents() == [], "the same fingerprint, cleaned alike"


def test_unknown_severity_is_refused(time_here: Time) -> None:
    with pytest.raises(ReportError, match="'loud'; use critical, warning, notice"):
        report_trouble(replace(TROUBLE, severity="loud"))


def test_asking_for_work_loads_no_vendor_library_and_makes_nothing(time_here: Time) -> None:
    program = (
        "import sys; from reports.alerts.incidents import work_waits; print(work_waits());"
        "heavy = {'slack_sdk', 'resend', 'twilio', 'jinja2', 'mjml', 'duckdb', 'dlt', 'dbt',"
        " 'httpx', 'matplotlib', 'reports.delivery.deliver', 'reports.registry'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert asked.stdout.split("\n")[:2] == ["False", "[]"]
