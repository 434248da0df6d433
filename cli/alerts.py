"""`signalroom alerts`: how often the rules of the alerts would have fired."""

from __future__ import annotations

import json

import click

from signalroom.plural import counted


@click.group()
def alerts() -> None:
    """The rules that look for anomalies; their thresholds are in reports/alerts.yml."""


@alerts.command()
@click.argument("rule", metavar="RULE")
@click.option(
    "--days", default=90, show_default=True, type=click.IntRange(1, 400), help="How far back."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def backtest(rule: str, days: int, as_json: bool) -> None:
    """How often a rule would have fired on the last days, and on what.

    Each day is checked as if it were yesterday, with the thresholds of reports/alerts.yml. RULE is
    zero_rows, volume, spend_without_conversions, conversions_without_spend, cpa, drift,
    mapping_gap or schema.

    \b
      signalroom alerts backtest volume
      signalroom alerts backtest cpa --days 30 --json
    """
    from cli.console import no_such
    from reports.alerts.rules.judge import backtest as run
    from reports.alerts.rules.judge import days_needed
    from reports.alerts.rules.rules import RULES
    from reports.shared.figures import money
    from scheduler.status.schemas import read_tables
    from signalroom.clients import active_clients

    if rule not in RULES:
        raise no_such("rule", rule, RULES)
    clients = {client.id for client in active_clients()}
    tables = read_tables(days_needed(days), clients) if rule == "schema" else {}
    found = run((rule,), days, clients, tables)[rule]
    if as_json:
        record = {
            "rule": rule,
            "days": days,
            "judged": found.judged,
            "fired": len(found.findings),
            "per_week": round(found.per_week, 3),
            "findings": [
                {
                    "client": one.client_id,
                    "date": one.day.isoformat(),
                    "subject": one.subject,
                    "amount": str(one.amount),
                    "words": one.words,
                }
                for one in found.findings
            ],
        }
        click.echo(json.dumps(record))
        return
    times = "once" if len(found.findings) == 1 else f"{len(found.findings)} times"
    click.echo(
        f"{rule} would have fired {times} in {counted(days, 'day')}, {found.per_week:.2f} a week; "
        f"{found.judged} complete days of clients were judged."
    )
    for one in found.findings:
        amount = f" {money(one.amount)}" if one.amount else ""
        click.echo(f"  {one.day} {one.client_id}{amount}  {one.words}")
