"""`signalroom pause`: a job or a source, until it is resumed or the pause ends."""

from __future__ import annotations

import click

from cli.console import clients, no_such
from cli.moments import MOMENT, Moment


@click.command()
@click.argument("name", metavar="JOB|SOURCE")
@clients
@click.option("--until", type=MOMENT, help="When the pause ends automatically, in business time.")
@click.option("--reason", help="The reason, shown with the pause.")
def pause(name: str, clients: tuple[str, ...], until: Moment | None, reason: str | None) -> None:
    """Pause a job of the schedule, or a source for all clients or some.

    A paused source is not pulled and not waited for: reports that need it are sent without it and
    say so. A paused job's runs are skipped; `signalroom trigger` still runs it.

    \b
      signalroom pause redtrack --until 2026-12-01 --reason "account moves"
      signalroom pause deep_restatement
    """
    from ingest.registry import NAMES
    from scheduler.runs.ledger import Pause
    from scheduler.runs.work_ledger import WorkLedger
    from signalroom import clock, source_states
    from signalroom.clients import active_clients
    from signalroom.times import moment

    now = clock.now()
    if until is not None and until <= now:
        raise click.UsageError(f"--until is in the past: {moment(until)}.")
    end = f" until {moment(until)}" if until else ""
    if name in NAMES:
        chosen = [client.id for client in active_clients(clients)]
        for client in source_states.pause(name, chosen, until, reason):
            click.echo(f"{name} is paused for {client}{end}.")
    else:
        check_job(name, clients)
        with WorkLedger() as ledger:
            ledger.pause_job(Pause(name, now, until, reason))
        click.echo(f"Job {name} is paused{end}.")


def check_job(name: str, clients: tuple[str, ...]) -> None:
    """Refuse an unknown source or job, and a client for a job."""
    from ingest.registry import NAMES
    from scheduler.schedule import read_schedule

    jobs = [job.name for job in read_schedule()]
    if name not in jobs:
        raise no_such("job or source", name, [*jobs, *NAMES])
    if clients:
        raise click.UsageError(f"{name} is a job, which works for all clients: leave out --client.")
