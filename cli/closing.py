"""The closing table of the main job: what came, what it cost, where to look next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.console import complain
from reports.compose import QUERIES
from reports.shared.figures import money, ratio, rounded
from scheduler.job import Outcome
from signalroom import settings, warehouse
from signalroom.clients import registry
from signalroom.errors import WarehouseError
from signalroom.masking import mask
from transform.build import BuildResult


@dataclass(frozen=True)
class BrandDay:
    """Conversions, mapped cost in dollars and CPA of one brand; CPA is None without conversions."""

    client_id: str
    brand: str
    conversions: int
    cost: Decimal
    cpa: Decimal | None


def brand_days(day: date) -> list[BrandDay]:
    """Every client and advertiser with anything on that day; WarehouseError without marts."""
    sql = (QUERIES / "brand_totals.sql").read_text(encoding="utf-8")
    names = {
        (client.id, brand.advertiser_id): brand.name
        for client in registry().values()
        for brand in client.brands
    }
    return [
        BrandDay(
            client_id=row["_client_id"],
            brand=names.get((row["_client_id"], row["advertiser_id"]))
            or row["advertiser_label"]
            or f"advertiser {row['advertiser_id']}",
            conversions=int(row["conversions"]),
            cost=row["cost"],
            cpa=ratio(row["cost"], int(row["conversions"])),
        )
        for row in warehouse.read(sql, {"report_date": day})
    ]


def show(outcome: Outcome) -> None:
    """Print the outcome for people, at most 80 columns wide where the terminal is."""
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    if outcome.rows:
        console.print(_rows(outcome))
    if outcome.build:
        console.print()
        console.print(_brands(outcome))
        console.print(_counts(outcome.build))
    if outcome.pulls and not outcome.changed:
        console.print(
            "\n[green]Nothing has changed[/] since the last run: each day that was asked again\n"
            "came back the same, and no file was new."
        )
    _reports(console, outcome)
    complain(outcome.failures)
    if not outcome.failures:
        _next(console, outcome)


def _rows(outcome: Outcome) -> Table:
    clients = sorted({client for client, _ in outcome.rows})
    table = Table("Loaded", title_justify="left", box=None, header_style="bold", pad_edge=False)
    for client in clients:
        table.add_column(f"{client} rows", justify="right")
    for name in dict.fromkeys(name for _, name in outcome.rows):
        counts = [outcome.rows.get((client, name)) for client in clients]
        table.add_row(name, *("-" if count is None else f"{count:,}" for count in counts))
    return table


def _brands(outcome: Outcome) -> Table:
    table = Table("Client", "brand", box=None, header_style="bold", pad_edge=False)
    for name in ("conversions", "cost", f"CPA of {outcome.day:%a %d %b}"):
        table.add_column(name, justify="right")
    try:
        found = brand_days(outcome.day)
    except WarehouseError as error:
        outcome.failures.append(str(error))
        found = []
    for one in found:
        cpa = money(rounded(one.cpa)) if one.cpa is not None else "no conversions"
        cost = money(rounded(one.cost))
        table.add_row(one.client_id, escape(one.brand), f"{one.conversions:,}", cost, cpa)
    if not found:
        table.add_row("-", "no data for this day", "", "", "")
    return table


def _counts(build: BuildResult) -> str:
    said = (
        f"[bold]dbt[/]  {build.models} models, {build.tests} tests passed, "
        f"{len(build.failures)} failed"
    )
    warned = len(build.warnings)
    return f"\n{said}, {warned} warnings" if warned else f"\n{said}"


def _reports(console: Console, outcome: Outcome) -> None:
    folders: dict[Path, list[str]] = defaultdict(list)
    for path in outcome.reports:
        folders[path.parent].append(path.name)
    for folder, names in folders.items():
        console.print(f"\n[bold]Reports[/] in {_short(folder)}")
        for name in names:
            console.print(f"  {escape(name)}")
    for line in outcome.deliveries:
        console.print(f"  {escape(mask(line))}")


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _next(console: Console, outcome: Outcome) -> None:
    mails = [path for path in outcome.reports if path.name.endswith(".email.html")]
    console.print("\n[bold]Look at it[/]")
    if mails:
        console.print(f"  the report    open {_short(mails[0])} in a browser")
    if settings.target() == "duckdb":
        console.print(
            "  the marts     .venv/bin/dbt show --inline 'select * from marts.daily_summary'"
        )
    console.print("  the lineage   .venv/bin/dbt docs generate && .venv/bin/dbt docs serve")
    console.print("  your own data README.md, 'Point it at one real source'")
