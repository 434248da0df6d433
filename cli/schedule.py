"""`signalroom schedule`: what is due in the next hours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from scheduler.schedule import Due


@click.command()
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 24 * 31), help="How far ahead."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def schedule(hours: int, as_json: bool) -> None:
    """What is due in the next hours, in business time.

    Times, sources and reports come from scheduler/schedule.yml: change them there. Days of a clock
    change are taken into account.

    \b
      signalroom schedule
      signalroom schedule --hours 168 --json
    """
    from datetime import timedelta

    from scheduler.schedule import due_between, read_schedule
    from signalroom import clock

    now = clock.now()
    found = due_between(read_schedule(), now, now + timedelta(hours=hours))
    if as_json:
        click.echo(json.dumps([_record(one) for one in found], indent=1))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    zone = clock.zone()
    console.print(f"[bold]The next {hours} hours[/] from {now.astimezone(zone):%a %d %b %H:%M %Z}")
    console.print(f"in business time, {zone.key}\n")
    console.print(_table(found))
    console.print(
        "\n[dim]Window: how many days before today the pulls cover; usual: what .dlt/config.toml\n"
        "says of the source, and of S3 every unread file.[/]"
    )


def _record(one: Due) -> dict[str, object]:
    from signalroom import clock

    return {
        "at": one.at.astimezone(clock.zone()).isoformat(),
        "at_utc": one.at.isoformat(),
        "job": one.job.name,
        "sources": list(one.job.sources),
        "reports": list(one.job.reports),
        "window_days": one.job.days,
        "limit_minutes": one.job.limit,
    }


def _table(found: list[Due]) -> Table:
    from rich.table import Table

    from signalroom import clock

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "Due", "Job", "Sources", "Reports", "Window"):
        table.add_column(name, overflow="fold")
    before = ""
    for one in found:
        at = one.at.astimezone(clock.zone())
        day = f"{at:%a %d}"
        table.add_row(
            day if day != before else "",
            f"{at:%H:%M}",
            one.job.name,
            ", ".join(one.job.sources) or "-",
            ", ".join(one.job.reports) or "-",
            "usual" if one.job.days is None else f"{one.job.days} days",
        )
        before = day
    if not found:
        table.add_row("", "-", "nothing is due", "", "", "")
    return table
