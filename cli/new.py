"""`signalroom new`: working first files of something new."""

from __future__ import annotations

from collections.abc import Iterable

import click


@click.group()
def new() -> None:
    """Write the first files of a source, a client or a report.

    They work as they are; edit them afterwards. Nothing that exists is overwritten.
    """


@new.command(short_help="A source: settings, one table, its YAML and model.")
@click.argument("name")
def source(name: str) -> None:
    """A source: settings, one table, its sources YAML, its staging model.

    \b
      signalroom new source weather
    """
    from signalroom import skeleton

    _say(skeleton.write("source", name))
    click.echo(
        f"Next: docs/adding-a-source.md. Set {name.upper()}_API_KEY and {name.upper()}_BASE_URL, "
        f"then `python -m ingest {name}`."
    )


@new.command()
@click.argument("client_id", metavar="ID")
@click.option(
    "--advertiser",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Everflow's advertiser id of its brand.",
)
def client(client_id: str, advertiser: int) -> None:
    """A client: its entry, its dbt package, its empty mappings.

    \b
      signalroom new client acme --advertiser 3
    """
    from transform.client_files import new as files

    _say(files.write(client_id, advertiser))
    click.echo(
        f"Next: name its brands in dbt_project.yml, set its keys (EVERFLOW_API_KEY__"
        f"{client_id.upper().replace('-', '_')} ...) in .env, then "
        f"`signalroom ingest all --client {client_id}`."
    )


@new.command()
@click.argument("name")
def report(name: str) -> None:
    """A report: its query, context, templates and exposure.

    \b
      signalroom new report daily_total
    """
    from signalroom import skeleton

    _say(skeleton.write("report", name))
    click.echo(f"Next: `signalroom preview --serve --report {name}` shows it while you edit.")


def _say(paths: Iterable[str]) -> None:
    for path in paths:
        click.echo(f"wrote {path}")
