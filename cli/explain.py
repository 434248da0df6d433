"""`signalroom explain`: what a figure of a report is made of."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click


@click.command()
@click.argument("client")
@click.argument("day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("metric")
@click.option("--affiliate", metavar="LABEL", help="Of this affiliate alone.")
@click.option("--brand", metavar="B", help="Of this brand: its name, advertiser label or id.")
@click.option("--group", type=click.Choice(["internal", "external", "unmapped"]))
@click.option("--json", "as_json", is_flag=True, help="Print the answer as a JSON object.")
def explain(
    client: str,
    day: datetime,
    metric: str,
    affiliate: str | None,
    brand: str | None,
    group: str | None,
    as_json: bool,
) -> None:
    """Show the rows that a figure is made of, their loads, and the mapping behind them.

    \b
    Metrics: conversions, clicks, cost, profit, everflow_payout,
    everflow_revenue, redtrack_cost, unmapped_cost, cpa, mapped_cpa,
    blended_cpa.

    \b
      signalroom explain 713 2026-11-18 cpa --brand CCW
      signalroom explain 713 2026-11-18 cost --affiliate "G2 - Meta"
    """
    from reports.explain import Question
    from reports.explain import explain as answer_to
    from signalroom import clients

    question = Question(clients.client(client), day.date(), metric, affiliate, brand, group)
    answer = answer_to(question)
    if as_json:
        click.echo(json.dumps(answer))
        return
    _show(answer)


def _show(answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    value = "none" if answer["value"] is None else answer["value"]
    console.print(f"[bold]{answer['metric']}[/] of {answer['client']} on {answer['date']}: {value}")
    console.print(escape(f"  {answer['formula']}"))
    table = Table("Amount", "Column", "Affiliate", "Row", "Mapping", box=None, header_style="bold")
    for part in answer["parts"]:
        key = ", ".join(f"{name} {value}" for name, value in part["key"].items())
        mapping = part["mapping"] or {}
        line = (
            f"{mapping.get('rule', '')} line {mapping.get('line')}" if mapping.get("line") else ""
        )
        table.add_row(
            str(part["amount"]),
            f"{part['table']}.{part['column']}",
            escape(part["affiliate"]),
            escape(key),
            line or mapping.get("rule", ""),
        )
    console.print(table)
    for name, total in (answer["control_total"] or {}).items():
        console.print(escape(f"  the vendor's total of the day: {name} = {total}"))
