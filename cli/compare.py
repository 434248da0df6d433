"""`signalroom compare`: the old system's figures against ours."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import click

from signalroom.plural import counted


@click.command()
@click.option(
    "--old",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="The old figures: a CSV, messages as text, or a folder of them.",
)
@click.option("--client", help="Whose figures they are; by default the default client's.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="This day alone.")
@click.option("--patterns", type=click.Path(exists=True, path_type=Path), help="How to read text.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as a JSON object.")
def compare(
    old: Path, client: str | None, day: datetime | None, patterns: Path | None, as_json: bool
) -> None:
    """Compare the old system's figures with ours, cell by cell, and say why they differ.

    The CSV has the columns date,brand,affiliate,conversions,cost,cpa; a blank affiliate is the
    brand as a whole. Text is read by patterns (patterns.txt next to it); see docs/go-live.md.
    Exits 1 where a gap is unexplained.

    \b
      signalroom compare --old old-figures.csv --client 713
    """
    from reports.compare import compare as judge
    from signalroom import clients

    whose = clients.client(client or clients.default_client_id())
    answer = judge(whose, old, day.date() if day else None, patterns)
    if as_json:
        click.echo(json.dumps(answer))
    else:
        for one in answer["days"]:
            click.echo(f"{one['date']}: {one['verdict']}, {counted(len(one['gaps']), 'gap')}")
            for gap in one["gaps"]:
                what = " ".join(filter(None, (gap["brand"], gap["affiliate"], gap["column"])))
                click.echo(f"  {what}: old {gap['old']}, ours {gap['ours']}: {gap['cause']}")
        for line in answer["unread"]:
            click.echo(f"  no pattern reads: {line}")
        click.echo(f"{answer['clean_days']} clean days in a row.")
        for brand in answer["not_compared"]:
            click.echo(f"Nothing of {brand} was compared: the old figures do not name it.")
        if answer["summary"]:
            click.echo(answer["summary"])
    is_clean = all(one["verdict"] == "clean" for one in answer["days"]) and not answer["unread"]
    sys.exit(0 if is_clean else 1)
