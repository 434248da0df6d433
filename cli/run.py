"""`signalroom run`: the main job, once."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import date

import click

from cli import console as options


@click.command()
@options.clients
@click.option(
    "--source", "sources", multiple=True, type=options.SOURCE, help="Only this source; repeatable."
)
@click.option("--date", "day", type=options.DAY, help="Day of the reports; default yesterday.")
@click.option("--send", is_flag=True, help="Deliver the reports, not only render them.")
@click.option(
    "--sandbox/--no-sandbox",
    default=None,
    help="Run on the simulated agency. By itself only on an embedded warehouse without any "
    "credentials.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the rows of each table.")
def run(
    clients: tuple[str, ...],
    sources: tuple[str, ...],
    day: date | None,
    send: bool,
    sandbox: bool | None,
    verbose: bool,
) -> None:
    """Run the pipeline once: ingest, dbt build, the daily reports.

    Loads today and the 3 days before (35 days the first time), builds and tests the marts, and
    renders the daily reports of yesterday into the outbox folder. Nothing leaves the machine
    without --send. Failures are listed at the end; everything else still runs.
    """
    from cli.closing import show
    from cli.console import Display
    from cli.sandbox import simulated
    from scheduler.steps.main_job import main_job

    with ExitStack() as stack:
        display = stack.enter_context(Display())
        stack.enter_context(simulated(sandbox, clients, display))
        result = main_job(clients, sources, day, send, display)
    show(result, verbose)
    sys.exit(1 if result.failures else 0)
