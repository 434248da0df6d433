"""`signalroom resume`: end a pause."""

from __future__ import annotations

import click

from cli.console import clients
from cli.pause import check_job


@click.command()
@click.argument("name", metavar="JOB|SOURCE")
@clients
def resume(name: str, clients: tuple[str, ...]) -> None:
    """End the pause of a job, or of a source for all clients or some.

    The source's next pull loads the days that it missed. A job continues with its next run.

    \b
      signalroom resume redtrack --client cti
    """
    from ingest.registry import NAMES
    from scheduler.runs.work_ledger import WorkLedger
    from signalroom import source_states
    from signalroom.clients import active_clients

    if name in NAMES:
        chosen = [client.id for client in active_clients(clients)]
        resumed = source_states.resume(name, chosen)
        for client in resumed:
            click.echo(f"{name} resumed for {client}.")
        if not resumed:
            click.echo(f"{name} is not paused for {' or '.join(chosen)}.")
        return
    check_job(name, clients)
    with WorkLedger() as ledger:
        was_paused = ledger.resume_job(name)
    click.echo(f"Job {name} resumed." if was_paused else f"Job {name} is not paused.")
