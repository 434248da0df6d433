"""`signalroom restore`: restore what `signalroom backup` wrote."""

from __future__ import annotations

from pathlib import Path

import click

from signalroom.plural import counted


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="First remove the existing records.")
def restore(file: Path, replace: bool) -> None:
    """Restore what `signalroom backup` wrote, into an empty database (or with --replace).

    Stop the scheduler first. What must be pulled again is listed with its commands.
    """
    from signalroom.backup import restore as bring_back

    counts, to_pull = bring_back(file, replace=replace)
    rows = counted(sum(counts.values()), "row")
    click.echo(f"{file}: {rows} of {counted(len(counts), 'table')} restored.")
    for line in to_pull:
        click.echo(line)
