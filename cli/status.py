"""`signalroom status`: a verdict, recent and running jobs, late sources, what is next."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from cli.lines import starting

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from scheduler.status.status import Status
    from scheduler.status.verdict import Verdict
    from scheduler.status.week import Week

COLORS = {"good": "green", "warning": "yellow", "bad": "red"}

READING = "Reading what ran ..."
FILES_SHOWN, PROBLEMS_SHOWN = 20, 5


@click.command()
@click.option("--week", "is_week", is_flag=True, help="Every scheduled run of the last 7 days.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(is_week: bool, as_json: bool) -> None:
    """Overview: recent runs, running jobs, late sources, what is next.

    Shows a verdict, each job's last runs with duration and rows, data freshness, open alerts and
    rejected rows. Times are business time. What is unavailable is named; the exit code is still 0.

    \b
      signalroom status
      signalroom status --week                    what was late or not done
      signalroom status --json
      signalroom runs show ID                     one run, step by step
    """
    if is_week:
        with starting(READING):
            from scheduler.schedule import read_schedule
            from scheduler.status.week import read_week

            week = read_week(read_schedule())
        _show_week(week, as_json)
        return
    with starting(READING):
        from scheduler.status.freshness import current_freshness
        from scheduler.status.status import read_status
        from scheduler.status.verdict import verdict

        found = read_status(freshness=current_freshness)
        judged = verdict(found)
    if as_json:
        click.echo(json.dumps(_record(found, judged), indent=1))
        return
    from rich.console import Console

    _show(Console(highlight=False), found, judged)


def _record(found: Status, judged: Verdict) -> dict[str, Any]:
    from cli.runs import local_iso, run_record
    from scheduler.temporal.links import address, overview

    beat, fresh = found.beat, found.freshness
    return {
        "at": local_iso(found.at),
        "verdict": {"level": judged.level, "line": judged.line, "problems": judged.problems},
        "simulated": bool(fresh and fresh.is_simulated),
        "scheduler": {
            "alive": found.is_alive if found.is_ledger_read else None,
            "last_beat": local_iso(beat.at) if beat else None,
            "started_at": local_iso(beat.started_at) if beat else None,
        },
        "temporal": {"address": address(), "workflows": overview() or None} if address() else None,
        "jobs": [
            {
                "job": one.job.name,
                "next_at": local_iso(one.next_at),
                "runs": [run_record(run, found.instant) for run in one.runs],
            }
            for one in found.jobs
        ],
        "commands": [run_record(run, found.instant) for run in found.commands],
        "running": [run_record(run, found.instant, with_steps=True) for run in found.running],
        "overdue": [run.run_id for run in found.overdue],
        "freshness_recorded_at": local_iso(fresh.recorded_at) if fresh else None,
        "sources": [
            {
                "client": one.client_id,
                "source": one.source,
                "state": one.state,
                "as_of": local_iso(one.as_of),
                "age_s": round((found.at - one.as_of).total_seconds()) if one.as_of else None,
                "due_at": local_iso(one.due_at),
                "late": one.is_late,
                "oldest_table": one.table or None,
            }
            for one in (fresh.sources if fresh else ())
        ],
        "dead_letters": [
            {"client": one.client_id, "source": one.source, "count": one.count}
            for one in (fresh.letters if fresh else ())
        ],
        "files": [vars(one) for one in (fresh.files if fresh else ())],
        "alerts": [
            {
                "client": one.client_id,
                "id": one.incident_id,
                "cause": one.cause,
                "kind": one.kind,
                "subject": one.subject,
                "severity": one.severity,
                "title": one.title,
                "repair": one.repair,
                "since": local_iso(one.opened_at),
            }
            for one in found.incidents or ()
        ],
        "snoozed": [
            {
                "client": one.client_id,
                "cause": one.cause,
                "title": one.title,
                "until": local_iso(snooze.until),
                "reason": snooze.reason,
            }
            for one, snooze in found.snoozed
        ],
        "unreadable": list(found.unreadable),
    }


def _show(console: Console, found: Status, judged: Verdict) -> None:
    from rich.markup import escape

    from cli.lines import wrapped
    from scheduler.temporal.links import address, overview
    from signalroom.times import ran, when

    console.print(_headline(found))
    if address():
        console.print(f"Scheduled by Temporal at {escape(address())}  {escape(overview())}")
    wide = console.width
    line = escape(wrapped(judged.line, wide))
    console.print(f"[{COLORS[judged.level]}]{line}[/]", soft_wrap=True)
    for problem in judged.problems[1:PROBLEMS_SHOWN] if judged.level == "bad" else ():
        console.print(escape(wrapped(f"  also: {problem}", wide, "    ")), soft_wrap=True)
    for line in found.unreadable:
        said = escape(wrapped(f"Unavailable  {line}", wide, "  "))
        console.print(said.replace("Unavailable", "[yellow]Unavailable[/]", 1), soft_wrap=True)
    for table in (_running(found), _jobs(found), _sources(found)):
        if table is not None:
            console.print()
            console.print(table)
    if found.running and found.freshness and found.freshness.recorded_at:
        at = ran(found.freshness.recorded_at)
        console.print(f"[dim]Updated {at}; run in progress.[/]")
    if found.incidents:
        console.print("\n[bold]Open alerts[/]")
    for one in found.incidents or ():
        color = {"critical": "red", "warning": "yellow"}.get(one.severity, "default")
        title = escape(wrapped(f"  {one.severity} {one.client_id}: {one.title}", wide, "    "))
        title = title.replace(one.severity, f"[{color}]{one.severity}[/]", 1)
        repair = escape(wrapped(f"    {one.repair}", wide, "    "))
        since = f"    [dim]since {when(one.opened_at)}, id {one.incident_id}[/]"
        console.print(f"{title}\n{repair}\n{since}", soft_wrap=True)
    for one, snooze in found.snoozed:
        console.print(
            f"  [dim]snoozed until {when(snooze.until)}: {one.client_id} {escape(one.title)} "
            f"({escape(snooze.reason)})[/]"
        )
    if found.incidents or found.freshness:
        console.print()
    if found.incidents == ():
        console.print("No open alerts.")
    letters = found.freshness.letters if found.freshness else ()
    if letters:
        counts = ", ".join(f"{one.count:,} of {one.source} {one.client_id}" for one in letters)
        console.print(f"Rejected rows: {counts}; see `signalroom dead-letters list`.")
    elif found.freshness:
        console.print("No rejected rows.")
    files = found.freshness.files if found.freshness else ()
    if files:
        console.print("\n[bold]Files that are not loaded, or not in full[/]")
    for file in files[:FILES_SHOWN]:
        line = f"{file.client_id} {file.source} {file.file_name}: {file.status}, {file.reason}"
        shown = escape(wrapped(f"  {line}", wide, "    "))
        console.print(f"[yellow]{shown}[/]", soft_wrap=True)
    if len(files) > FILES_SHOWN:
        more = len(files) - FILES_SHOWN
        console.print(f"  and {more:,} more; `signalroom dead-letters list` has them.")


def _headline(found: Status) -> str:
    from signalroom import clock
    from signalroom.times import clock_time, ran, span

    local = found.at.astimezone(clock.zone())
    now = f"{local:%a %b %-d, %Y} {clock_time(found.at)} {local:%Z}"
    if not found.is_ledger_read:
        said = "[yellow]Scheduler state unknown[/]"
    elif found.beat is None:
        said = "Scheduler never started"
    elif found.is_alive:
        said = f"[green]Scheduler running[/] since {ran(found.beat.started_at)}"
    else:
        said = f"[red]No heartbeat for {span(found.instant - found.beat.at)}[/]"
    badge = "  [yellow]SIMULATED[/]" if found.freshness and found.freshness.is_simulated else ""
    return f"[bold]{now}[/]  {said}{badge}"


def _grid(*names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        right = name in ("rows", "took", "due", "done")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "")
    return table


def _running(found: Status) -> Table | None:
    from cli.runs import styled
    from scheduler.status.status import duration
    from signalroom.times import ran, span

    table = _grid("Running now", "step", "since", "took", "")
    overdue = {run.run_id for run in found.overdue}
    for run in found.open_runs:
        step = next((one for one in run.steps if one.status in ("running", "waiting")), None)
        if run.status == "waiting":
            since = f"resumes {ran(run.resume_at)}" if run.resume_at else "-"
        else:
            since = ran(run.started_at)
        table.add_row(
            run.run_id,
            step.step if step else "-",
            since,
            span(duration(run, found.instant)),
            "[red]overdue[/]" if run.run_id in overdue else styled(run.state),
        )
    return table if found.open_runs else None


def _jobs(found: Status) -> Table:
    from cli.runs import styled
    from scheduler.status.status import duration
    from signalroom.times import ran, span, when

    table = _grid("Job", "next", "last runs", "took", "rows", "")
    jobs = [(one.job.name, when(one.next_at), one.runs) for one in found.jobs]
    if found.commands:
        jobs.append(("signalroom run", "-", found.commands))
    for name, next_at, runs in jobs:
        first = (name, next_at)
        for run in runs:
            rows = f"{run.rows:,}" if run.steps else "-"
            took = span(duration(run, found.instant))
            began = ran(run.started_at) if run.started_at else when(run.scheduled_for)
            table.add_row(*first, began, took, rows, styled(run.state))
            first = ("", "")
        if not runs:
            table.add_row(*first, "never ran" if found.is_ledger_read else "-", "", "", "")
    return table


def _sources(found: Status) -> Table | None:
    from signalroom.times import span, when

    if found.freshness is None or not found.freshness.sources:
        return None
    table = _grid("Source", "client", "as of", "age", "")
    for one in found.freshness.sources:
        mark = "fresh" if one.state == "on" else f"[yellow]{one.state}[/]"
        if one.is_late:
            oldest = f" ({one.table})" if one.table else ""
            mark = f"[red]late[/], was due {when(one.due_at)}{oldest}"
        age = span(found.at - one.as_of) if one.as_of else "never"
        table.add_row(one.source, one.client_id, when(one.as_of), age, mark)
    return table


def _show_week(week: Week, as_json: bool) -> None:
    from cli.runs import local_iso

    counts: dict[str, list[int]] = {}
    for one in week.runs:
        due = counts.setdefault(one.job, [0, 0])
        due[0] += 1
        due[1] += one.state in ("done", "late", "open")
    if as_json:
        click.echo(
            json.dumps(
                {
                    "since": local_iso(week.since),
                    "due": len(week.runs),
                    "all_done": not week.exceptions,
                    "exceptions": [
                        {
                            "job": one.job,
                            "due_at": local_iso(one.due_at),
                            "state": one.state,
                            "run_id": one.run.run_id if one.run else None,
                            "error": one.run.error if one.run else None,
                        }
                        for one in week.exceptions
                    ],
                },
                indent=1,
            )
        )
        return
    from rich.console import Console
    from rich.markup import escape

    from cli.runs import styled
    from signalroom.logs import mask
    from signalroom.times import when

    console = Console(highlight=False)
    if not week.runs:
        from cli.lines import say

        say("No scheduled runs yet: the scheduler never ran here. Start it: `signalroom scheduler`")
        sys.exit(0)
    said = "all done, none late" if not week.exceptions else f"{len(week.exceptions)} not as due"
    color = "green" if not week.exceptions else "red"
    total = len(week.runs)
    console.print(f"Since {when(week.since)}: {total} scheduled runs, [{color}]{said}[/].\n")
    table = _grid("Job", "due", "done")
    for name, (due_count, done) in counts.items():
        table.add_row(name, str(due_count), str(done))
    console.print(table)
    if week.exceptions:
        console.print("\n[bold]Late or not done[/]")
    for one in week.exceptions:
        error = f": {escape(mask(one.run.error))}" if one.run and one.run.error else ""
        console.print(f"  {one.job} of {when(one.due_at)}  {styled(one.state)}{error}")
