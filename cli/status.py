"""`signalroom status`: what ran, what runs, what is late, what is due next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from scheduler.status.status import Status


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(as_json: bool) -> None:
    """What ran, what runs, what is late, what is due next.

    Shows each job's last runs with duration and rows, how fresh each source is, open alerts and
    dead letters. Times are business time. What cannot be read now, as while another process writes
    to the DuckDB file, is said; the exit code is 0 all the same.

    \b
      signalroom status
      signalroom status --json
      signalroom runs show ID                     one run, step by step
    """
    from scheduler.status.status import read_status

    found = read_status()
    if as_json:
        click.echo(json.dumps(_record(found), indent=1))
        return
    from rich.console import Console

    _show(Console(highlight=False, soft_wrap=True), found)


def _record(found: Status) -> dict[str, Any]:
    from cli.runs import local_iso, run_record

    beat, facts = found.beat, found.facts
    return {
        "at": local_iso(found.at),
        "scheduler": {
            "alive": found.is_alive if found.is_ledger_read else None,
            "last_beat": local_iso(beat.at) if beat else None,
            "started_at": local_iso(beat.started_at) if beat else None,
        },
        "jobs": [
            {
                "job": one.job.name,
                "next_at": local_iso(one.next_at),
                "runs": [run_record(run, found.instant) for run in one.runs],
            }
            for one in found.jobs
        ],
        "running": [run_record(run, found.instant, with_steps=True) for run in found.running],
        "overdue": [run.run_id for run in found.overdue],
        "sources": [
            {
                "client": one.client_id,
                "source": one.source,
                "as_of": local_iso(one.as_of),
                "age_s": round((found.at - one.as_of).total_seconds()),
                "due_at": local_iso(one.due_at),
                "late": one.is_late,
                "oldest_table": one.table,
            }
            for one in (facts.freshness if facts else ())
        ],
        "dead_letters": [
            {"client": one.client_id, "source": one.source, "count": one.count}
            for one in (facts.letters if facts else ())
        ],
        "alerts": [
            {
                "client": one.client_id,
                "kind": one.kind,
                "subject": one.subject,
                "severity": one.severity,
                "title": one.title,
                "repair": one.repair,
                "since": local_iso(one.opened_at),
            }
            for one in found.incidents or ()
        ],
        "unreadable": list(found.unreadable),
    }


def _show(console: Console, found: Status) -> None:
    from rich.markup import escape

    from scheduler.status.text import when

    console.print(_headline(found))
    for line in found.unreadable:
        console.print(f"[yellow]Not read now[/]  {escape(line)}")
    for table in (_running(found), _jobs(found), _sources(found)):
        if table is not None:
            console.print()
            console.print(table)
    if found.incidents:
        console.print("\n[bold]Open alerts[/]")
    for one in found.incidents or ():
        colour = {"critical": "red", "warning": "yellow"}.get(one.severity, "default")
        console.print(
            f"  [{colour}]{one.severity}[/] {one.client_id} {escape(one.title)} "
            f"[dim]since {when(one.opened_at)}[/]\n    {escape(one.repair)}"
        )
    if found.incidents or found.facts:
        console.print()
    if found.incidents == ():
        console.print("No alert is open.")
    letters = found.facts.letters if found.facts else ()
    if letters:
        counts = ", ".join(f"{one.count:,} of {one.source} {one.client_id}" for one in letters)
        console.print(f"Dead letters wait: {counts}; `signalroom dead-letters list` has them.")
    elif found.facts:
        console.print("No dead letter waits.")


def _headline(found: Status) -> str:
    from scheduler.status.text import span, when
    from signalroom import clock

    now = f"{found.at.astimezone(clock.zone()):%a %d %b %Y %H:%M %Z}"
    if not found.is_ledger_read:
        said = "[yellow]whether a scheduler lives cannot be read now[/]"
    elif found.beat is None:
        said = "no scheduler was ever started here; `signalroom scheduler` is it"
    elif found.is_alive:
        said = f"[green]the scheduler lives[/], since {when(found.beat.started_at)}"
    else:
        ago = span(found.instant - found.beat.at)
        said = f"[red]the scheduler is silent[/] for {ago}; start `signalroom scheduler`"
    return f"[bold]{now}[/]  {said}"


def _grid(*names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        right = name in ("rows", "took")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "")
    return table


def _running(found: Status) -> Table | None:
    from cli.runs import styled
    from scheduler.status.status import duration
    from scheduler.status.text import span, when

    table = _grid("Now", "step", "since", "took", "")
    overdue = {run.run_id for run in found.overdue}
    for run in found.open_runs:
        step = next((one for one in run.steps if one.status in ("running", "waiting")), None)
        if run.status == "waiting":
            since = f"goes on {when(run.resume_at)}" if run.resume_at else "-"
        else:
            since = when(run.started_at)
        table.add_row(
            run.run_id,
            step.step if step else "-",
            since,
            span(duration(run, found.instant)),
            "[red]overdue[/]" if run.run_id in overdue else styled(run.status),
        )
    return table if found.open_runs else None


def _jobs(found: Status) -> Table:
    from cli.runs import styled
    from scheduler.status.status import duration
    from scheduler.status.text import span, when

    table = _grid("Job", "next", "last runs", "took", "rows", "")
    for one in found.jobs:
        first = (one.job.name, when(one.next_at))
        for run in one.runs:
            rows = f"{run.rows:,}" if run.steps else "-"
            took = span(duration(run, found.instant))
            began = when(run.started_at or run.scheduled_for)
            table.add_row(*first, began, took, rows, styled(run.status))
            first = ("", "")
        if not one.runs:
            table.add_row(*first, "never ran" if found.is_ledger_read else "-", "", "", "")
    return table


def _sources(found: Status) -> Table | None:
    from scheduler.status.text import span, when

    if found.facts is None or not found.facts.freshness:
        return None
    table = _grid("Source", "client", "as of", "age", "")
    for one in found.facts.freshness:
        mark = f"[red]late[/], was due {when(one.due_at)} ({one.table})" if one.is_late else "fresh"
        table.add_row(one.source, one.client_id, when(one.as_of), span(found.at - one.as_of), mark)
    return table
