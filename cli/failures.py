"""`signalroom failures`: what fails, grouped by its cause."""

from __future__ import annotations

import json

import click


@click.command()
@click.option(
    "--days", default=7, show_default=True, type=click.IntRange(1, 400), help="How far back."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a cause.")
def failures(days: int, as_json: bool) -> None:
    """Failures by cause: steps that failed for good, and rejected rows that are open.

    The most frequent cause comes first, with its newest run and what it said.

    \b
      signalroom failures
      signalroom failures --days 30 --json
    """
    from cli.runs import local_iso
    from scheduler.schedule import read_schedule
    from scheduler.status.failures import failures as read_failures
    from scheduler.status.freshness import current_freshness
    from signalroom.times import when

    causes = read_failures(days)
    letters = current_freshness(read_schedule()).letters
    if as_json:
        for cause in causes:
            record = {**vars(cause), "last_at": local_iso(cause.last_at)}
            click.echo(json.dumps(record))
        for one in letters:
            rejected = {"subject": f"dead_letters:{one.source}", "client": one.client_id}
            click.echo(json.dumps({**rejected, "count": one.count}))
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    for cause in causes:
        whose = f" {cause.client}" if cause.client != "*" else ""
        console.print(
            f"[bold]{cause.count} times[/] {escape(cause.subject)}{escape(whose)} "
            f"[dim]{escape(cause.error_class)}, last {when(cause.last_at)} "
            f"in {escape(cause.last_run)}[/]\n  {escape(cause.example)}"
        )
    for one in letters:
        console.print(
            f"[bold]{one.count:,} rejected rows[/] {one.source} {one.client_id}\n"
            "  see `signalroom dead-letters list`"
        )
    if not causes and not letters:
        console.print(f"No failures in the last {days} days.")
