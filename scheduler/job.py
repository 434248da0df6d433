"""The main job: ingest, then dbt build, then the daily reports. One failure stops no other part."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ingest import pipeline, registry
from ingest.landing import Source
from reports import registry as reports_registry
from scheduler import reporting
from signalroom import clients, clock
from signalroom.clients import Client
from signalroom.errors import SignalRoomError
from signalroom.progress import Progress
from transform import reference
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
    for name in chosen_sources or registry.NAMES:
        ingest_source(registry.source(name), working_for, day, outcome, progress)
    build_marts(outcome, progress)
    if outcome.build:
        make_reports(working_for, send, outcome, progress)
    return outcome


def ingest_source(
    source: Source,
    working_for: list[Client],
    day: date | None,
    outcome: Outcome,
    progress: Progress,
) -> None:
    """Pull one source for each client that has it."""
    on = [client for client in working_for if pipeline.is_on(source, client.id)]
    off = [client.id for client in working_for if client not in on]
    if off:
        missing = ", ".join(pipeline.missing_variables(source, off[0]))
        progress.note(f"{source.title} is off for {' and '.join(off)}: {missing} is not set.")
    for client in on:
        step = progress.step(f"{source.title} {client.id}")
        try:
            pipeline.refuse_shared_accounts(source)
            pull = pipeline.make_pull(source, client.id, asked=day, say=step.say)
            loaded = pipeline.load(source, pull)
        except SignalRoomError as error:
            step.fail(str(error))
            outcome.failures.append(str(error))
            continue
        outcome.pulls += 1
        outcome.changed += loaded.changed
        outcome.rejected_rows += loaded.rejected_rows
        for table, count in loaded.rows.items():
            outcome.rows[client.id, f"{source.name}.{table}"] = count
        outcome.failures += loaded.failures
        step.finish(loaded.summary())


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
    for report in reports_registry.REPORTS.values():
        for client in report.clients():
            if client in working_for:
                made = reporting.make(
                    report.name, client.id, outcome.day, (), send, False, None, progress
                )
                outcome.reports += made.paths
                outcome.deliveries += made.deliveries
                outcome.failures += made.failures
