"""`signalroom backfill`: a long range of one source, in slices."""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta

import click

from cli import console as options


@click.command()
@click.argument("source", type=options.SOURCE)
@options.clients
@click.option("--start", type=options.DAY, required=True, help="First day.")
@click.option("--end", type=options.DAY, required=True, help="Last day.")
@click.option("--dry-run", is_flag=True, help="Print the plan, write nothing.")
def backfill(source: str, clients: tuple[str, ...], start: date, end: date, dry_run: bool) -> None:
    """Load a long range of one source, in slices of 30 days, newest first.

    A second call after an interruption does only what is left. The daily pulls are not disturbed.

    \b
      signalroom backfill everflow --start 2026-01-01 --end 2026-10-31
    """
    from dataclasses import replace

    from cli.console import Display, complain
    from ingest import backfill as slicing
    from ingest import pull as pipeline
    from ingest import registry
    from ingest.windows import explicit_window
    from signalroom.clients import active_clients
    from signalroom.errors import SignalRoomError

    one = registry.source(source)
    window = explicit_window(start, end)
    pipeline.refuse_shared_accounts(one)
    failures: list[str] = []
    with Display() as display:
        for client in active_clients(clients):
            missing = pipeline.missing_variables(one, client.id)
            if missing:
                display.note(f"{one.title} is off for {client.id}: {', '.join(missing)} not set.")
                continue
            parts = slicing.left(one, client.id, window)
            pull = pipeline.make_pull(one, client.id, window=window, resources=one.daily)
            if dry_run:
                plans = [one.plan(replace(pull, window=part)) for part in parts]
                click.echo(
                    f"{source} {client.id}: {window}, {len(parts)} slices left, "
                    f"{sum(plan.days for plan in plans)} days, "
                    f"{sum(plan.requests for plan in plans)} requests -> {', '.join(one.daily)}"
                )
                continue
            step = display.step(f"{one.title} {client.id}")
            rows = 0
            try:
                loads = slicing.run(one, replace(pull, say=step.say), parts)
                started = time.monotonic()
                for number, loaded in enumerate(loads, start=1):
                    rows += sum(loaded.rows.values())
                    failures += loaded.failures
                    step.advance(number, len(parts))
                    left = (time.monotonic() - started) / number * (len(parts) - number)
                    display.note(
                        f"{loaded.window}: {sum(loaded.rows.values()):,} rows, {number} of "
                        f"{len(parts)} slices, about {timedelta(seconds=round(left))} left"
                    )
            except SignalRoomError as error:
                failures.append(str(error))
                step.fail(str(error))
            else:
                step.finish(f"{rows:,} rows in {len(parts)} slices ({window})")
    complain(failures)
    sys.exit(1 if failures else 0)
