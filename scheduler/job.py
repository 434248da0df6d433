"""The main job: ingest, then dbt build, then the daily reports. One failure stops no other part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ingest import pull as pipeline
from ingest import registry
from ingest.landing import Pull, Source
from ingest.pull import Loaded, make_pull
from ingest.side_by_side import load_all
from reports import registry as reports_registry
from scheduler import reporting
from signalroom import clients, clock
from signalroom.clients import Client
from signalroom.errors import SignalRoomError
from signalroom.progress import Progress
from transform import client_files as reference
from transform.build import BuildResult, build


@dataclass
class Outcome:
    """What the main job did, for the closing table."""

    day: date
    rows: dict[tuple[str, str], int] = field(default_factory=dict)  # (client, table) -> rows
    changed: int = 0
    pulls: int = 0
    rejected_rows: int = 0
    build: BuildResult | None = None
    reports: list[Path] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def take(self, loaded: Loaded) -> None:
        """Count one pull in."""
        self.pulls += 1
        self.changed += loaded.changed
        self.rejected_rows += loaded.rejected_rows
        self.failures += loaded.failures
        for table, count in loaded.rows.items():
            self.rows[loaded.client_id, f"{loaded.source}.{table}"] = count


def main_job(
    chosen_clients: tuple[str, ...],
    chosen_sources: tuple[str, ...],
    day: date | None,
    send: bool,
    progress: Progress,
) -> Outcome:
    """Run all steps for the clients and sources; failures are collected, not raised.

    `day` is the day of the reports, by default yesterday; ingest reaches back to it.
    """
    working_for = clients.active_clients(chosen_clients)
    outcome = Outcome(day=day or clock.yesterday())
    ingest(chosen_sources or registry.NAMES, working_for, day, outcome, progress)
    build_marts(outcome, progress)
    if outcome.build:
        make_reports(working_for, send, outcome, progress)
    return outcome


def ingest(
    sources: tuple[str, ...],
    working_for: list[Client],
    day: date | None,
    outcome: Outcome,
    progress: Progress,
) -> None:
    """Ask every source of every client at the same time; load what came, one at a time."""
    pulls: list[tuple[Source, Pull]] = []
    for source, client in _due(sources, working_for, outcome, progress):
        try:
            pulls.append((source, make_pull(source, client.id, asked=day)))
        except SignalRoomError as error:
            progress.step(f"{source.title} {client.id}").fail(str(error))
            outcome.failures.append(str(error))
    for pulled in load_all(pulls, progress):
        if pulled.loaded:
            outcome.take(pulled.loaded)
        else:
            outcome.failures += pulled.failures


def _due(
    sources: tuple[str, ...], working_for: list[Client], outcome: Outcome, progress: Progress
) -> Iterator[tuple[Source, Client]]:
    """Each source with each client that has it; what is off is said once a source."""
    for name in sources:
        source = registry.source(name)
        try:
            pipeline.refuse_shared_accounts(source)
        except SignalRoomError as error:
            outcome.failures.append(str(error))
            continue
        off = [client.id for client in working_for if not pipeline.is_on(source, client.id)]
        if off:
            missing = ", ".join(pipeline.missing_variables(source, off[0]))
            progress.note(f"{source.title} is off for {' and '.join(off)}: {missing} not set.")
        for client in working_for:
            if client.id not in off:
                yield source, client


def build_marts(outcome: Outcome, progress: Progress) -> None:
    """Check the client data, then dbt build."""
    step = progress.step("dbt build")
    mistakes = reference.mistakes()
    if mistakes:
        outcome.failures += mistakes
        step.fail(f"not started, the client data has {len(mistakes)} mistakes; marts are as before")
        return
    try:
        outcome.build = build(step=step)
    except SignalRoomError as error:
        step.fail(str(error))
        outcome.failures.append(str(error))
        return
    said = f"{outcome.build.models} models, {outcome.build.tests} tests passed"
    if outcome.build.failures:
        outcome.failures += outcome.build.failures
        step.fail(f"{said}, {len(outcome.build.failures)} failed; what they guard is as before")
    else:
        step.finish(said)


def make_reports(
    working_for: list[Client], send: bool, outcome: Outcome, progress: Progress
) -> None:
    """Render the daily reports of each client, and deliver them when asked to."""
    daily = [one for one in reports_registry.REPORTS.values() if one.period == "daily"]
    for report in daily:
        for client in report.clients():
            if client in working_for:
                made = reporting.make(
                    report.name,
                    client.id,
                    outcome.day,
                    (),
                    "when_complete" if send else "not",
                    None,
                    progress,
                )
                outcome.reports += made.paths
                outcome.deliveries += made.deliveries
                outcome.failures += made.failures
