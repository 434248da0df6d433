"""The summary of the main job: cost per conversion, results, where to look next."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.console import complain
from reports.shared.figures import cost_each, money, rounded
from scheduler.status.brands import brand_days
from scheduler.steps.main_job import MainJobResult
from signalroom.errors import WarehouseError
from signalroom.logs import mask
from signalroom.plural import counted
from transform.build import BuildResult


def show(result: MainJobResult, verbose: bool) -> None:
    """Print the result for people, the answer first; `verbose` adds the rows of each table."""
    console = Console(highlight=False)
    console.print()
    failures = result.failures
    if result.build.built:
        console.print(_brands(result, failures))
        console.print()
    pulls = [pull for pull in result.ingest.pulls if pull.is_loaded]
    if verbose and any(pull.rows for pull in pulls):
        console.print(_rows(result))
        console.print()
    if pulls:
        console.print(_loaded(result))
    if result.build.built:
        console.print(_counts(result.build.built))
    if pulls and not any(pull.changed for pull in pulls):
        console.print(
            "[green]Nothing has changed[/] since the last run: every day came back the same, and "
            "no file was new."
        )
    _reports(console, result)
    complain(failures)
    if not failures:
        _next(console, result)


def _brands(result: MainJobResult, failures: list[str]) -> Table:
    table = Table("Client", "brand", box=None, header_style="bold", pad_edge=False)
    for name in ("conversions", "cost", f"CPA of {result.day:%a %b %-d}"):
        table.add_column(name, justify="right")
    try:
        found = brand_days(result.day, result.day)
    except WarehouseError as error:
        failures.append(str(error))
        found = []
    for one in found:
        cpa = (money if one.state else cost_each)(one.cpa)
        if one.cpa is None:
            cpa = "unknown" if one.conversions else "no conversions"
        if one.state:
            cpa = f"[yellow]{one.state}[/] {cpa}"
        cost = money(rounded(one.cost))
        table.add_row(one.client_id, escape(one.brand), f"{one.conversions:,}", cost, cpa)
    if not found:
        table.add_row("-", "no data for this day", "", "", "")
    return table


def _rows(result: MainJobResult) -> Table:
    rows = {
        (pull.client, f"{pull.source}.{table}"): count
        for pull in result.ingest.pulls
        for table, count in pull.rows.items()
    }
    clients = sorted({client for client, _ in rows})
    table = Table("Loaded", title_justify="left", box=None, header_style="bold", pad_edge=False)
    for client in clients:
        table.add_column(f"{client} rows", justify="right")
    for name in dict.fromkeys(name for _, name in rows):
        counts = [rows.get((client, name)) for client in clients]
        table.add_row(name, *("-" if count is None else f"{count:,}" for count in counts))
    return table


def _loaded(result: MainJobResult) -> str:
    pulls = [pull for pull in result.ingest.pulls if pull.is_loaded]
    rows = sum(sum(pull.rows.values()) for pull in pulls)
    sources = len({pull.source for pull in pulls})
    said = f"[bold]Loaded[/]   {counted(rows, 'row')} from {counted(sources, 'source')}"
    rejected = sum(pull.rejected_rows for pull in pulls)
    return f"{said}, {rejected:,} rejected (`signalroom dead-letters list`)" if rejected else said


def _counts(build: BuildResult) -> str:
    said = (
        f"[bold]dbt[/]      {counted(build.models, 'model')}, {counted(build.tests, 'test')} passed"
    )
    said += f", {len(build.failures)} failed" if build.failures else ""
    warned = len(build.warnings)
    return f"{said}, {counted(warned, 'warning')}" if warned else said


def _reports(console: Console, result: MainJobResult) -> None:
    folders: dict[Path, list[str]] = defaultdict(list)
    for path in (path for made in result.reports for path in made.paths):
        folders[path.parent].append(path.name)
    for folder, names in folders.items():
        console.print(
            f"[bold]Reports[/]  {counted(len(names), 'file')} in {_short(folder)}", soft_wrap=True
        )
    lines = [
        f"{made.report} {made.client}, {line}"
        for made in result.reports
        for line in made.deliveries
    ]
    for line in (*lines, *result.deliveries):
        console.print(f"  {escape(mask(line))}", soft_wrap=True)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _next(console: Console, result: MainJobResult) -> None:
    mails = [
        path for made in result.reports for path in made.paths if path.name.endswith(".email.html")
    ]
    names = list(dict.fromkeys(made.report for made in result.reports if made.paths))
    console.print("\n[bold]Next[/]")
    hints = {}
    if mails:
        hints[f"signalroom report {names[0]} --open"] = "the report in a browser"
    hints["signalroom pages --open"] = "a client's 90 days"
    if client := next((pull.client for pull in result.ingest.pulls if pull.is_loaded), None):
        hints[f"signalroom explain {client} {result.day} cpa"] = "the rows of a figure"
    hints["signalroom status"] = "what is fresh, what is due"
    hints["signalroom demo"] = "a whole day in minutes"
    hints["signalroom preview --open"] = "every report, every scenario"
    for command, words in hints.items():
        console.print(f"  {command:<40}{words}", soft_wrap=True)
    console.print('  signalroom query "select * from daily_summary order by date desc"')
    console.print("  Your own data: README.md, 'Point it at one real source'")
