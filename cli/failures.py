"""`signalroom failures`: what fails, grouped by its cause."""

from __future__ import annotations

import json

import click

from signalroom.plural import counted


@click.command()
@click.option(
    "--days", default=7, show_default=True, type=click.IntRange(1, 400), help="How far back."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a cause.")
def failures(days: int, as_json: bool) -> None:
    """Failures by cause: steps and runs that failed permanently, and rejected rows.

    The most frequent cause comes first, with its newest run, message and counts by day.

    \b
      signalroom failures
      signalroom failures --days 30 --json
    """
    from cli.runs import local_iso
    from scheduler.schedule import read_schedule
    from scheduler.status.failures import failures as read_failures
    from scheduler.status.freshness import current_freshness
    from signalroom.times import when

    current_freshness(read_schedule())  # recounts the dead letters, if possible
    causes = read_failures(days)
    if as_json:
        for cause in causes:
            by_day = {day.isoformat(): count for day, count in sorted(cause.by_day.items())}
            record = {**vars(cause), "last_at": local_iso(cause.last_at), "by_day": by_day}
            click.echo(json.dumps(record))
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    for cause in causes:
        whose = f" {cause.client}" if cause.client != "*" else ""
        often = "once" if cause.count == 1 else f"{cause.count:,} times"
        where = f" in {cause.last_run}" if cause.last_run else ""
        console.print(
            f"[bold]{often}[/] {escape(cause.subject)}{escape(whose)} "
            f"[dim]{escape(cause.error_class)}, last {when(cause.last_at)}{escape(where)}[/]\n"
            f"  {escape(cause.example)}"
        )
        if len(cause.by_day) > 1:
            console.print(f"  [dim]{escape(cause.days)}[/]")
        if cause.still_open:
            console.print(f"  {cause.still_open:,} open: `signalroom dead-letters list`")
    if not causes:
        console.print(f"No failures in the last {counted(days, 'day')}.")
