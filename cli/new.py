"""`signalroom new`: the first files of something new, which work as they are."""

from __future__ import annotations

import click


@click.group()
def new() -> None:
    """Write the first files of something new, which work as they are."""


@new.command()
@click.argument("name")
def source(name: str) -> None:
    """A source: settings, one table, its sources YAML and its staging model.

    \b
      signalroom new source weather
    """
    from ingest import skeleton
    from signalroom.paths import root

    for path in skeleton.write(name):
        click.echo(f"wrote {path.relative_to(root())}")
    click.echo(
        f"Next: docs/adding-a-source.md. Set {name.upper()}_API_KEY and {name.upper()}_BASE_URL, "
        f"then `python -m ingest {name}`."
    )
