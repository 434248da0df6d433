"""`signalroom explain`: what a figure of a report is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import click

from cli import console as options
from reports.shared.text import listed
from signalroom.times import moment

COMMIT_DIGITS = 12  # of a commit, or of the hash of a file without one
DIGITS = 6


@click.command()
@click.argument("client")
@click.argument("day", metavar="DATE", type=options.DAY)
@click.argument("metric")
@click.option("--affiliate", metavar="LABEL", help="Of this affiliate alone.")
@click.option("--brand", metavar="B", help="Of this brand: its name, advertiser label or id.")
@click.option("--group", type=click.Choice(["internal", "external", "unmapped"]))
@click.option("--json", "as_json", is_flag=True, help="Print the answer as a JSON object.")
def explain(
    client: str,
    day: date,
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

    question = Question(clients.client(client), day, metric, affiliate, brand, group)
    answer = answer_to(question)
    if as_json:
        click.echo(json.dumps(answer))
        return
    _show(answer)


def _show(answer: dict[str, Any]) -> None:
    """The figure, then its rows by the column that they come from, with its sum."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from cli.lines import wrapped

    console = Console(highlight=False)
    value = "none" if answer["value"] is None else answer["value"]
    console.print(f"[bold]{answer['metric']}[/] of {answer['client']} on {answer['date']}: {value}")
    formula = wrapped(f"  {answer['formula']}", console.width, "  ")
    console.print(escape(formula), soft_wrap=True)
    window = answer["window"]
    day = f"  The day in {answer['zone']}: {_at(window['start'])} to {_at(window['end'])}"
    console.print(escape(day), soft_wrap=True)
    groups: dict[str, list[dict[str, Any]]] = {}
    for part in answer["parts"]:
        groups.setdefault(f"{part['table']}.{part['column']}", []).append(part)
    totals = answer["control_total"] or {}
    for name, parts in groups.items():
        whole = sum((Decimal(str(part["amount"])) for part in parts), Decimal(0))
        console.print(f"\n[bold]{name}[/]  {_plain(whole)}")
        table = Table(box=None, header_style="dim", pad_edge=False)
        table.add_column("Affiliate", overflow="fold")
        table.add_column("row", overflow="fold")
        table.add_column("amount", justify="right", no_wrap=True)
        table.add_column("mapping")
        for part in parts:
            table.add_row(
                escape(part["affiliate"]), escape(_row(part)), str(part["amount"]), _mapping(part)
            )
        console.print(table)
        if name in totals:
            console.print(f"[dim]The vendor's total of the day, all brands: {totals[name]}[/]")
    console.print()
    for line in _notes(answer):
        console.print(escape(line), soft_wrap=True)
    channels: dict[tuple[str, str], list[str]] = {}
    for one in answer["sent"]:
        channels.setdefault((_short(one["value"]), _at(one["sent_at"])), []).append(one["channel"])
    for (sent, at), names in channels.items():
        by = listed(list(dict.fromkeys(names)))
        console.print(f"Reported as {sent} by {by} on {at}", soft_wrap=True)


def _at(instant: str) -> str:
    """An instant in business time; --json has it to the microsecond."""
    return moment(datetime.fromisoformat(instant))


def _notes(answer: dict[str, Any]) -> Iterator[str]:
    """The loads, the mapping's lines, and every value since it was known, one line each."""
    loads = {
        (part["table"], part["load_id"] or "unknown", part["loaded_at"] or "")
        for part in answer["parts"]
    }
    for table, load, loaded_at in sorted(loads):
        yield f"Load {load} of {table}, loaded {_at(loaded_at) if loaded_at else 'unknown when'}"
    lines: dict[tuple[str, str], set[int]] = {}
    for part in answer["parts"]:
        if (mapping := part["mapping"]) and mapping["line"]:
            place = (mapping["file"], (mapping["commit"] or "unknown")[:COMMIT_DIGITS])
            lines.setdefault(place, set()).add(mapping["line"])
    for (file, commit), numbers in sorted(lines.items()):
        yield f"{file}:{','.join(map(str, sorted(numbers)))} as of {commit}"
    for version in answer["versions"]:
        value = "none" if version["value"] is None else version["value"]
        yield f"{value} since {_at(version['known_from'])}"


def _row(part: dict[str, Any]) -> str:
    """What identifies the raw row, in short form; --json has its whole key."""
    key = part["key"]
    if key.get("source_name"):
        return str(key["source_name"])
    return f"affiliate {key['affiliate_id']}" if key.get("affiliate_id") is not None else ""


def _mapping(part: dict[str, Any]) -> str:
    mapping = part["mapping"] or {}
    rule = str(mapping.get("rule") or "")
    return f"{rule} line {mapping['line']}" if mapping.get("line") else rule


def _short(value: str) -> str:
    """A value in the form of the other lines: a ratio with six digits; --json has every one."""
    number = Decimal(value)
    return _plain(round(number, DIGITS)) if number != round(number, DIGITS) else value


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
