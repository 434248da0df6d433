"""A smoke run: `python -m ingest everflow` loads one source for every client that has it."""

from __future__ import annotations

import click

from ingest import pull, registry
from signalroom import clients, settings


@click.command()
@click.argument("source", type=click.Choice(registry.NAMES))
def main(source: str) -> None:
    """Load one source for every client that has it, and print what was loaded."""
    settings.load_env_file()
    one = registry.source(source)
    pull.refuse_shared_accounts(one)
    for client in clients.active_clients():
        missing = pull.missing_variables(one, client.id)
        if missing:
            click.echo(f"{source} {client.id}: off, {', '.join(missing)} not set")
            continue
        made = pull.make_pull(one, client.id, say=click.echo, notice=click.echo)
        loaded = pull.load(one, made)
        click.echo(f"{source} {client.id} {loaded.window}: {loaded.rows}")


if __name__ == "__main__":
    main()
