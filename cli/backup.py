"""`signalroom backup`: what cannot be rebuilt, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from signalroom.plural import counted


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write what cannot be rebuilt to one file: outbox, runs, ledgers, versions, dead letters.

    Raw rows and marts are not in it: they can be pulled and built again. The file
    contains recipients and messages; only its owner may read it.
    """
    from signalroom.backup import backup as write

    counts = write(file)
    click.echo(
        f"{file}: {counted(sum(counts.values()), 'row')} of {counted(len(counts), 'table')}."
    )
