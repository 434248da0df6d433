"""`signalroom runs`: the history of the scheduler's runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import click

from scheduler.runs.ledger import Run, Step
from scheduler.status.status import duration
from signalroom import clock
from signalroom.logs import mask
from signalroom.plural import counted

# The color of a status on a terminal; others are plain.
STYLES = {
    "done": "green",
    "done_with_errors": "yellow",
    "failed": "red",
    "running": "cyan",
    "waiting": "yellow",
    "waiting_for_vendor": "yellow",
    "deferred": "yellow",
    "late": "yellow",
    "missing": "red",
    "skipped": "dim",
    "superseded": "dim",
    "nothing_to_do": "dim",
    "off": "dim",
}


def run_record(run: Run, instant: datetime, *, with_steps: bool = False) -> dict[str, Any]:
    """A run as JSON; times with their offset, durations in seconds."""
    from scheduler.temporal.links import run_page

    record: dict[str, Any] = {
        "run_id": run.run_id,
        "job": run.job,
        "trigger": run.trigger,
        "status": run.status,
        "state": run.state,
        "day": run.day.isoformat(),
        "attempt": run.attempt,
        "rows": run.rows,
        **_instants(run, "scheduled_for", "started_at", "finished_at", "resume_at"),
        "duration_s": seconds(duration(run, instant)),
        "error": mask(run.error) if run.error else None,
        "workflow": run_page(run) or None,
    }
    if with_steps:
        record["steps"] = [_step_record(step, instant) for step in run.steps]
    return record


def _step_record(step: Step, instant: datetime) -> dict[str, Any]:
    return {
        "step": step.step,
        "status": step.status,
        "attempt": step.attempt,
        "rows": step.rows,
        **_instants(step, "started_at", "finished_at", "next_at"),
        "duration_s": seconds(duration(step, instant)),
        "error": mask(step.error) if step.error else None,
        "log": step.log,
        "detail": step.details,
    }


def _instants(one: Run | Step, *names: str) -> dict[str, str | None]:
    return {name: local_iso(getattr(one, name)) for name in names}


def local_iso(moment: datetime | None) -> str | None:
    """An instant with the offset of the business zone."""
    return moment.astimezone(clock.zone()).isoformat() if moment else None


def seconds(span: timedelta | None) -> float | None:
    """A duration in seconds."""
    return round(span.total_seconds(), 3) if span is not None else None


def styled(status: str) -> str:
    """A status, colored."""
    words = status.replace("_", " ")
    return f"[{STYLES[status]}]{words}[/]" if status in STYLES else words


@click.group()
def runs() -> None:
    """Recent runs: list them, or show one step by step.

    \b
      signalroom runs list --job hourly
      signalroom runs show 128
      signalroom runs show hourly-20261119T1300Z --log
    """


@runs.command("list")
@click.option("--job", metavar="JOB", help="Only this job's.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_runs(job: str | None, limit: int, as_json: bool) -> None:
    """The newest runs, newest first."""
    from cli.console import no_such
    from scheduler.runs.ledger import Ledger
    from scheduler.schedule import read_schedule
    from scheduler.status.status import duration
    from signalroom import clock
    from signalroom.times import ran, span, when

    with Ledger() as ledger:
        found, numbers = ledger.recent(job, limit), ledger.numbers()
    known = [one.name for one in read_schedule()]
    if job is not None and not found and job not in known:
        raise no_such("job", job, known)
    instant = clock.instant()
    if as_json:
        for run in found:
            click.echo(json.dumps(run_record(run, instant)))
        return
    if not found:
        click.echo("No runs recorded yet.")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    # ids are never truncated, so that they can be copied
    table.add_column("#", justify="right")
    table.add_column("Run", min_width=max(len(run.run_id) for run in found), no_wrap=True)
    for name in ("due", "began", "took", "rows", "status"):
        table.add_column(name, justify="right" if name in ("took", "rows") else "left")
    for run in found:
        table.add_row(
            str(numbers.get(run.run_id, "")),
            run.run_id,
            when(run.scheduled_for),
            ran(run.started_at),
            span(duration(run, instant)),
            f"{run.rows:,}",
            styled(run.state),
        )
    Console(highlight=False, soft_wrap=True).print(table)


@runs.command(short_help="One run, step by step.")
@click.argument("run_id", metavar="ID")
@click.option("--log", "with_logs", is_flag=True, help="With the last lines of each step's log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(run_id: str, with_logs: bool, as_json: bool) -> None:
    """One run: its steps, tries, rows of each table, recipients, errors and logs.

    ID is the run's id, or its number, which `runs list` and the page show.
    """
    from rich.console import Console
    from rich.markup import escape

    from scheduler.runs.ledger import Ledger, log_tail
    from scheduler.status.status import duration
    from scheduler.temporal.links import run_page
    from signalroom import clock, paths
    from signalroom.errors import ConfigurationError
    from signalroom.logs import mask
    from signalroom.times import ran, span, when

    with Ledger() as ledger:
        given = run_id.removeprefix("#")
        ids = {str(number): one for one, number in ledger.numbers().items()}
        run = ledger.run(ids.get(given, run_id))
    if run is None:
        raise ConfigurationError(
            f"No run is called {run_id!r}; `signalroom runs list` shows those that are."
        )
    instant = clock.instant()
    if as_json:
        click.echo(json.dumps(run_record(run, instant, with_steps=True), indent=1))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{run.run_id}[/]  {styled(run.state)}")
    console.print(f"  due {when(run.scheduled_for)}, by {run.trigger}, business day {run.day}")
    if run.started_at:
        took = f", took {span(duration(run, instant))}"
        ended = f", ended {ran(run.finished_at)}" if run.finished_at else ""
        console.print(f"  began {ran(run.started_at)}{ended}{took}")
    if run.resume_at:
        console.print(f"  resumes {ran(run.resume_at)}")
    if workflow := run_page(run):
        console.print(f"  workflow {workflow}")
    if run.error:
        console.print(f"  {escape(mask(run.error))}")
    for step in run.steps:
        tries = f", {step.attempt} tries" if step.attempt > 1 else ""
        rows = f", {counted(step.rows, 'row')}" if step.rows is not None else ""
        took = f", {span(duration(step, instant))}" if step.started_at else ""
        console.print(f"\n[bold]{step.step}[/]  {styled(step.status)}{took}{rows}{tries}")
        if step.next_at:
            console.print(f"  again {ran(step.next_at)}")
        if step.error:
            console.print(f"  {escape(mask(step.error))}")
        for line in _by_client(step):
            console.print(f"  {escape(mask(line))}")
        if step.log:
            console.print(f"  log {paths.home() / step.log}")
        if with_logs:
            console.print(escape(log_tail(step)))


def _by_client(step: Step) -> Iterator[str]:
    """The results per client: rows of each table, or each recipient."""
    for client, answer in step.details.get("clients", {}).items():
        tables = ", ".join(f"{name} {rows:,}" for name, rows in (answer.get("rows") or {}).items())
        if tables:
            yield f"{client}: {tables}"
        yield from (f"{client}: {line}" for line in answer.get("deliveries") or ())
