"""`signalroom query`: ad hoc SQL over the marts."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any, Literal

import click

from signalroom.plural import counted

if TYPE_CHECKING:
    from signalroom.ad_hoc import Answer


@click.command()
@click.argument("sql")
@click.option("--client", "client_id", metavar="ID", help="Only this client's rows.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV, every digit.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
def query(sql: str, client_id: str | None, as_csv: bool, as_json: bool) -> None:
    """Read the marts with SQL: one statement, read only, 30 seconds and 10,000 rows at most.

    With --client it reads as the report role, which sees only that client's rows.

    \b
      signalroom query "select * from daily_summary order by date desc limit 7"
      signalroom query "select * from daily_performance" --csv
      signalroom query "select * from orders" --client 713 --csv > orders.csv
    """
    from signalroom.ad_hoc import ROWS, ask
    from signalroom.clients import active_clients

    if client_id is not None:
        (client,) = active_clients((client_id,))
        client_id = client.id
    answer = ask(sql, client_id)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([_plain(value) for value in row] for row in answer.rows)
    elif as_json:
        for row in answer.rows:
            record = dict(zip(answer.columns, row, strict=True))
            click.echo(json.dumps(record, default=_plain))
    else:
        _show(answer)
    if answer.is_cut:
        click.echo(f"Only the first {ROWS:,} rows are shown.", err=True)


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _show(answer: Answer) -> None:
    """A table as wide as the terminal; with too many columns, one line per column."""
    from decimal import Decimal

    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    numbers = [
        all(isinstance(row[at], int | float | Decimal | None) for row in answer.rows)
        for at in range(len(answer.columns))
    ]
    texts = [[_short(value) for value in row] for row in answer.rows]
    widths = [
        max([len(name), *(len(row[at]) for row in texts)]) for at, name in enumerate(answer.columns)
    ]
    if sum(widths) + 2 * len(widths) > console.width and sys.stdout.isatty():
        longest = max((len(name) for name in answer.columns), default=0)
        for row in texts:
            for name, text in zip(answer.columns, row, strict=True):
                console.print(f"[bold]{name:<{longest}}[/]  ", end="")
                console.print(text, markup=False)
            console.print()
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name, is_number, width in zip(answer.columns, numbers, widths, strict=True):
            justify: Literal["left", "right"] = "right" if is_number else "left"
            table.add_column(name, justify=justify, no_wrap=True, min_width=width)
        from rich.text import Text

        for row in texts:
            table.add_row(*(Text(text) for text in row))
        wide = Console(highlight=False, width=max(console.width, sum(widths) + 2 * len(widths)))
        wide.print(table)
    count = len(answer.rows)
    click.echo(f"({counted(count, 'row')})", err=True)


def _short(value: Any) -> str:
    """A value for display: decimals without trailing zeros, no value as a dash."""
    from decimal import Decimal

    if value is None:
        return "-"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return " ".join(str(value).split()) if isinstance(value, str) else str(value)
