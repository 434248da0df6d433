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
@click.option("--all", "is_whole", is_flag=True, help="Each time on a line of its own.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, each time an object.")
def schedule(hours: int, is_whole: bool, as_json: bool) -> None:
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

    from reports.shared.text import zone_name
    from signalroom.times import clock_time

    console = Console(highlight=False)
    local = now.astimezone(clock.zone())
    console.print(
        f"[bold]The next {hours} hours[/] from {local:%a %b %-d} {clock_time(now)} {local:%Z}, "
        f"all times {zone_name()}\n"
    )
    console.print(_table(found, is_whole))
    console.print(
        "\n[dim]Window: how many days before today the pulls cover; usual: what .dlt/config.toml "
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


def _table(found: list[Due], is_whole: bool) -> Table:
    """A line for each job of a day, with its times in short form."""
    from rich.table import Table

    from signalroom import clock

    groups: dict[tuple[str, str, int], list[Due]] = {}
    for number, one in enumerate(found):
        day = f"{one.at.astimezone(clock.zone()):%a %-d}"
        groups.setdefault((day, one.job.name, number if is_whole else 0), []).append(one)
    # names are never broken: one per line
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("", "Due", "Job", "Sources", "Reports", "Window"):
        table.add_column(name, no_wrap=name != "Due")
    before = ""
    for (day, name, _), those in groups.items():
        job = those[0].job
        table.add_row(
            day if day != before else "",
            _times(those),
            name,
            "\n".join(job.sources) or "-",
            "\n".join(job.reports) or "-",
            "usual" if job.days is None else f"{job.days} days",
        )
        before = day
    if not found:
        table.add_row("", "-", "nothing is due", "", "", "")
    return table


def _times(those: list[Due]) -> str:
    from signalroom.times import clock_time

    first, last = clock_time(those[0].at), clock_time(those[-1].at)
    if len(those) == 1:
        return first
    return f"{first} to {last}, {len(those)} times"
