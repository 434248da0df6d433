"""`signalroom what-if`: what an edit would change, before anyone commits it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import click


@click.group()
def what_if() -> None:
    """What an edit would change, before it is committed."""


@what_if.command(short_help="How CPA would move with another mapping file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--client", help="Client of the file; default: the one marked `default` in dbt_project.yml."
)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 400))
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as a JSON object.")
def mapping(file: Path, client: str | None, days: int, as_json: bool) -> None:
    """Show how CPA by brand and affiliate would move with FILE as internal-affiliates.csv.

    The last days are computed again on a scratch database; the warehouse is only read.

    \b
      signalroom what-if mapping draft.csv --client 713 --days 30
    """
    from signalroom import clients
    from transform.what_if import what_if_mapping

    answer = what_if_mapping(file, clients.client(client or clients.default_client_id()), days)
    if as_json:
        click.echo(json.dumps(answer))
    else:
        show(answer)


def show(answer: dict[str, Any]) -> None:
    """Print the comparison as text."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for mistake in answer["mistakes"]:
        console.print(escape(f"! {mistake}"))
    console.print(f"[bold]{answer['client']}[/], {answer['from']} to {answer['to']}")
    for title, rows in (
        ("Brand", answer["brands"]),
        ("Affiliates that move", answer["affiliates"]),
    ):
        if not rows:
            continue
        table = Table(title, "", box=None, header_style="bold", pad_edge=False)
        for heading in ("Cost", "→", "CPA", "→"):
            table.add_column(heading, justify="right")
        for row in rows:
            before, after = row["before"], row["after"]
            table.add_row(
                escape(row["brand"]),
                escape(row["affiliate"]),
                *(_money(side["cost"]) for side in (before, after)),
                *(_cpa(side) for side in (before, after)),
            )
        console.print(table)
    if not answer["affiliates"]:
        console.print("Nothing moves: the file maps the same spend to the same affiliates.")


def _money(value: str | None) -> str:
    from reports.shared.figures import money

    return money(None if value is None else Decimal(value))


def _cpa(side: dict[str, Any]) -> str:
    """A CPA that rounds to zero cents is only "no cost" if nothing was spent."""
    from reports.shared.figures import NO_COST

    is_free = side["cpa"] is not None and not Decimal(side["cost"])
    return NO_COST if is_free else _money(side["cpa"])
