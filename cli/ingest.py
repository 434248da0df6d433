"""`signalroom ingest`: load one or more sources."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import TYPE_CHECKING

import click

from cli import console as options
from ingest.registry import NAMES

if TYPE_CHECKING:
    from ingest.landing import Pull, Source


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Choice([*NAMES, "all"]))
@options.clients
@click.option("--resource", "resources", multiple=True, help="Only this table; repeatable.")
@click.option("--start", type=options.DAY, help="First day; default: what is due.")
@click.option("--end", type=options.DAY, help="Last day; default: today.")
@click.option("--since", "reach", multiple=True, hidden=True)  # SOURCE:DAY, back to it at least
@click.option("--skip", "skipped", multiple=True, hidden=True)  # SOURCE:CLIENT, loaded already
@click.option("--dry-run", is_flag=True, help="Print the plan, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a pull.")
def ingest(
    sources: tuple[str, ...],
    clients: tuple[str, ...],
    resources: tuple[str, ...],
    start: date | None,
    end: date | None,
    reach: tuple[str, ...],
    skipped: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Load one or more sources into the raw tables.

    Without dates: today and the 3 days before (35 days the first time), and every unread file of
    S3. Whole days and files are replaced, so that repeating it is harmless.

    \b
      signalroom ingest all
      signalroom ingest everflow --client 713 --start 2026-10-01 --end 2026-10-31
      signalroom ingest redtrack --dry-run
    """
    from cli.console import Display, complain
    from cli.pulls import Pulls

    names = NAMES if "all" in sources else tuple(dict.fromkeys(sources))
    since = {
        name: date.fromisoformat(day) for name, _, day in (one.partition(":") for one in reach)
    }
    with Display(quiet=as_json) as display:
        work = Pulls(display, as_json)
        pulls = list(work.prepare(names, clients, resources, (start, end), since, skipped))
        if dry_run:
            for source, pull in pulls:
                _show_plan(source, pull, as_json)
        else:
            work.load(pulls)
    complain(work.failures)
    sys.exit(1 if work.failures else 0)


def _show_plan(source: Source, pull: Pull, as_json: bool) -> None:
    plan = source.plan(pull)
    if as_json:
        found = {"source": source.name, "client": pull.client_id, **vars(plan)}
        click.echo(json.dumps({**found, "window": str(pull.window)}))
        return
    click.echo(
        f"{source.name} {pull.client_id}: {pull.window}, {plan.days} days, {plan.requests} "
        f"requests, {plan.files} files -> {', '.join(plan.tables)}"
    )
