"""The main job: ingest, then dbt build, then the daily reports.

A failure does not stop other parts.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from ingest.registry import NAMES
from reports import get_ready, registry
from scheduler.planning import by_command
from scheduler.runs.recorder import Recorder
from scheduler.steps.build import BuildStepResult, build_marts
from scheduler.steps.ingest import IngestResult, PullResult, Request, ingest
from scheduler.steps.report import ReportResult, Sending, make_reports
from signalroom import clients, clock
from signalroom.errors import SignalRoomError
from signalroom.progress import Progress
from transform import dbt_process


@dataclass
class MainJobResult:
    """What the main job did, for the closing table; `day` is the day of its reports."""

    day: date
    ingest: IngestResult = field(default_factory=IngestResult)
    build: BuildStepResult = field(default_factory=BuildStepResult)
    reports: list[ReportResult] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)  # for alerts
    other_failures: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Every failure of every part, one line each."""
        found = [*self.ingest.failures, *self.build.failures]
        found += [failure for report in self.reports for failure in report.failures]
        return found + self.other_failures


def main_job(
    chosen_clients: tuple[str, ...],
    chosen_sources: tuple[str, ...],
    day: date | None,
    send: bool,
    progress: Progress,
) -> MainJobResult:
    """Run all steps for the clients and sources; failures are collected, not raised.

    `day` is the day of the reports, by default yesterday; ingest reaches back to it. The run is in
    the ledger like any other. Messages, including alerts, are sent only with `send`.
    """
    working_for = {client.id for client in clients.active_clients(chosen_clients)}
    sources = chosen_sources or tuple(NAMES)
    reports = [
        report.name
        for report in registry.reports().values()
        if report.period == "daily" and any(one.id in working_for for one in report.clients())
    ]
    result = MainJobResult(day=day or clock.yesterday())
    since = dict.fromkeys(sources, day) if day else {}
    run = by_command(sources, reports, since, clock.now(), clock.instant())
    with Recorder(run, progress) as record, dbt_process.standby():
        for source in sources:
            record.begin(f"ingest:{source}")
        request = Request(sources, chosen_clients, since=since)
        result.ingest = ingest(request, progress)
        _record_pulls(sources, result.ingest.pulls, record)
        record.begin("dbt")
        if reports:
            threading.Thread(target=_get_ready, daemon=True).start()
        result.build = build_marts(progress, only_changed=True)
        record.end("dbt", result.build.failures, detail=result.build.answer())
        if result.build.built:
            for name in reports:
                _report(name, chosen_clients, send, result, progress, record)
        if send:
            _send_alerts(result, progress)
    return result


def _get_ready() -> None:
    with suppress(Exception):  # the report raises it again
        get_ready()


def _record_pulls(sources: tuple[str, ...], pulls: list[PullResult], record: Recorder) -> None:
    for source in sources:
        mine = [pull for pull in pulls if pull.source == source]
        is_off = all(pull.off or pull.paused for pull in mine)
        record.end(
            f"ingest:{source}",
            [failure for pull in mine for failure in pull.failures],
            status="off" if is_off else "done",
            rows=None if is_off else sum(sum(pull.rows.values()) for pull in mine),
            detail={"clients": {pull.client: pull.answer() for pull in mine}},
        )


def _report(
    name: str,
    chosen: tuple[str, ...],
    send: bool,
    result: MainJobResult,
    progress: Progress,
    record: Recorder,
) -> None:
    record.begin(f"report:{name}")
    sending: Sending = "when_complete" if send else "not"
    made = make_reports(name, chosen, result.day, progress, sending=sending)
    result.reports += made
    record.end(
        f"report:{name}",
        [failure for one in made for failure in one.failures],
        status="waiting" if any(one.waits for one in made) else "done",
        detail={"clients": {one.client: one.answer() for one in made}},
    )


def _send_alerts(result: MainJobResult, progress: Progress) -> None:
    """Deliver the alerts that are due, as the scheduler does after each run."""
    from reports.alerts.deliver import deliver_due

    try:
        sent = deliver_due(at_once=True)  # there may be no other process to send it
    except SignalRoomError as error:
        result.other_failures.append(str(error))
        progress.step("alerts").fail(str(error))
        return
    result.other_failures += sent.failures
    for one in sent.deliveries:
        line = f"{one.report} {one.client_id}, {one.summary()}"
        failed = one.status in ("dead", "unknown")
        (result.other_failures if failed else result.deliveries).append(line)
