"""`signalroom compare`: the old system's figures against ours."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import click

from cli import console as options
from cli.lines import say
from signalroom.plural import counted


@click.command()
@click.option(
    "--old",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="The old figures: a CSV, messages as text, or a folder of them.",
)
@click.option(
    "--client",
    metavar="ID",
    help="Client of the figures; default: the one marked `default` in dbt_project.yml.",
)
@click.option("--date", "day", type=options.DAY, help="This day alone.")
@click.option("--patterns", type=click.Path(exists=True, path_type=Path), help="How to read text.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as a JSON object.")
def compare(
    old: Path, client: str | None, day: date | None, patterns: Path | None, as_json: bool
) -> None:
    """Compare the old system's figures with ours, cell by cell, and say why they differ.

    The CSV has the columns date,brand,affiliate,conversions,cost,cpa; a blank affiliate is the
    brand as a whole. Text is parsed by patterns (patterns.txt next to it); see docs/go-live.md.
    Exits 1 where a gap is unexplained.

    \b
      signalroom compare --old old-figures.csv --client 713
    """
    from reports.compare import compare as judge
    from signalroom import clients

    whose = clients.client(client or clients.default_client_id())
    answer = judge(whose, old, day, patterns)
    if as_json:
        click.echo(json.dumps(answer))
    else:
        for one in answer["days"]:
            click.echo(f"{one['date']}: {one['verdict']}, {counted(len(one['gaps']), 'gap')}")
            for gap in one["gaps"]:
                say(f"  {_words(gap)}: {gap['cause']}", indent="    ")
        for line in answer["unread"]:
            say(f"  no pattern reads: {line}", indent="    ")
        click.echo(f"{answer['clean_days']} clean days in a row.")
        for brand in answer["not_compared"]:
            click.echo(f"Nothing of {brand} was compared: the old figures do not name it.")
        if answer["summary"]:
            click.echo(answer["summary"])
    is_clean = all(one["verdict"] == "clean" for one in answer["days"]) and not answer["unread"]
    sys.exit(0 if is_clean else 1)


def _words(gap: dict[str, Any]) -> str:
    """What differs, and both figures, or which side lacks one."""
    name = " ".join(filter(None, (gap["brand"], gap["affiliate"])))
    if gap["old"] is None:
        return f"{name}: not in the old figures, ours {gap['ours']}"
    ours = "none" if gap["ours"] is None else gap["ours"]
    what = f"{name} {gap['column']}".strip()
    return f"{what}: old {gap['old']}, ours {ours}"
