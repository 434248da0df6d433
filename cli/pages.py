"""`signalroom pages`: the clients' pages, made from the marts."""

from __future__ import annotations

import click

from cli import console as options
from signalroom.plural import counted


@click.command()
@options.clients
@click.option("--open", "is_open", is_flag=True, help="Open the first one in the browser.")
def pages(clients: tuple[str, ...], is_open: bool) -> None:
    """Write each client's page: 90 days of figures with charts, as files that need no server.

    They go to the folder `pages` of SIGNALROOM_HOME, one folder for each client; the scheduler
    makes them after each build and shows them at /clients/ID/. The rows of a day are in a separate
    file, which is rewritten only if they changed.
    """
    from reports.pages import files

    click.echo("Drawing the 90 days of each client ...", err=True)
    for made in files.make(clients):
        days = len(made.days)
        changed = f"{counted(days, 'day')} changed" if days else "no day changed"
        click.echo(f"{made.client_id}: {made.page} ({changed})")
        if is_open:
            click.launch(made.page.resolve().as_uri())
            is_open = False
