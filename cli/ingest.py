"""`signalroom ingest`: load one or more sources."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import TYPE_CHECKING

import click

from cli import console as options
from cli.lines import starting
from ingest.registry import NAMES
from signalroom.plural import counted

if TYPE_CHECKING:
    from ingest.model import Plan, Pull
    from ingest.registry import SourceSettings
    from scheduler.steps.ingest import PullResult


@click.command()
@click.argument(
    "sources", nargs=-1, required=True, metavar="SOURCE...|all",
    type=options.SourceName([*NAMES, "all"]),
)  # fmt: skip
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

    Sources: everflow, redtrack, s3_exports, posthog, mautic, google_sheets; `all` for each of them.

    Without dates: today and the 3 days before (35 days the first time), and every unread file of
    S3. Whole days and files are replaced, so that repeating it is harmless.

    \b
      signalroom ingest all
      signalroom ingest everflow --client 713 --start 2026-10-01 --end 2026-10-31
      signalroom ingest redtrack --dry-run
    """
    with starting(f"{'Planning' if dry_run else 'Loading'} {', '.join(sources)} ..."):
        from cli.console import Display, complain
        from cli.sandbox import move_demo_aside
        from scheduler.steps import ingest as steps

    request = steps.Request(
        sources=tuple(NAMES) if "all" in sources else tuple(dict.fromkeys(sources)),
        clients=clients,
        resources=resources,
        start=start,
        end=end,
        since={
            name: date.fromisoformat(day) for name, _, day in (one.partition(":") for one in reach)
        },
        skip=skipped,
    )
    failures: list[str] = []

    def heard(pull: PullResult) -> None:
        failures.extend(pull.failures)
        if as_json:
            click.echo(json.dumps(pull.answer()))

    with Display(quiet=as_json) as display:
        if dry_run:
            for source, pull, plan in steps.plans(request, display, heard):
                _show_plan(source, pull, plan, as_json)
        else:
            move_demo_aside(display.note)
            steps.ingest(request, display, heard)
    complain(failures)
    sys.exit(1 if failures else 0)


def _show_plan(source: SourceSettings, pull: Pull, plan: Plan, as_json: bool) -> None:
    if as_json:
        found = {"source": source.name, "client": pull.client_id, **vars(plan)}
        click.echo(json.dumps({**found, "window": str(pull.window)}))
        return
    click.echo(
        f"{source.name} {pull.client_id}: {pull.window}, {counted(plan.days, 'day')}, "
        f"{counted(plan.requests, 'request')}, {counted(plan.files, 'file')} -> "
        f"{', '.join(plan.tables)}"
    )
