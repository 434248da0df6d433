"""`signalroom backfill`: a long range of one source, in slices."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING

import click

from cli import console as options

if TYPE_CHECKING:
    from scheduler.steps.ingest import PullResult
from signalroom.plural import counted


@click.command()
@click.argument("source", type=options.SOURCE, metavar="SOURCE")
@options.clients
@click.option("--start", type=options.DAY, required=True, help="First day.")
@click.option("--end", type=options.DAY, required=True, help="Last day.")
@click.option("--dry-run", is_flag=True, help="Print the plan, write nothing.")
def backfill(source: str, clients: tuple[str, ...], start: date, end: date, dry_run: bool) -> None:
    """Load a long range of one source, in slices of 30 days or more, newest first.

    A second call after an interruption does only the rest. The daily pulls are not affected.

    \b
      signalroom backfill everflow --start 2026-01-01 --end 2026-10-31
    """
    from cli.console import Display, complain
    from cli.sandbox import move_demo_aside
    from scheduler.steps import backfill as steps

    with Display() as display:
        if dry_run:
            failures: list[str] = []

            def heard(pull: PullResult) -> None:
                failures.extend(pull.failures)

            for plan in steps.backfill_plans(source, start, end, clients, display, heard):
                click.echo(
                    f"{source} {plan.client}: {plan.window}, {counted(plan.slices, 'slice')} "
                    f"left, {counted(plan.days, 'day')}, {counted(plan.requests, 'request')} -> "
                    f"{', '.join(plan.tables)}"
                )
            complain(failures)
            sys.exit(1 if failures else 0)
        move_demo_aside(display.note)
        result = steps.backfill(source, start, end, clients, display)
    complain(result.failures)
    sys.exit(1 if result.failures else 0)
