"""`signalroom ingest`: load one or more sources."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import click

from cli import options
from ingest.registry import NAMES

if TYPE_CHECKING:
    from ingest.landing import Pull, Source
    from signalroom.progress import Progress


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Choice([*NAMES, "all"]))
@options.clients
@click.option("--resource", "resources", multiple=True, help="Only this table; repeatable.")
@click.option("--start", type=options.DAY, help="First day; default: what is due.")
@click.option("--end", type=options.DAY, help="Last day; default: today.")
@click.option("--dry-run", is_flag=True, help="Print the plan, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a pull.")
def ingest(
    sources: tuple[str, ...],
    clients: tuple[str, ...],
    resources: tuple[str, ...],
    start: date | None,
    end: date | None,
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

    names = NAMES if "all" in sources else tuple(dict.fromkeys(sources))
    failures: list[str] = []
    with Display(quiet=as_json) as display:
        for source, pull in _pulls(names, clients, resources, start, end, display, failures):
            if dry_run:
                _show_plan(source, pull, as_json)
            else:
                failures += _load(source, pull, display, as_json)
    complain(failures)
    sys.exit(1 if failures else 0)


def _pulls(
    names: tuple[str, ...],
    chosen: tuple[str, ...],
    resources: tuple[str, ...],
    start: date | None,
    end: date | None,
    progress: Progress,
    failures: list[str],
) -> Iterator[tuple[Source, Pull]]:
    """The pulls, one source and client after another; what cannot even be asked is a failure."""
    from ingest import pipeline, registry
    from ingest.windows import explicit_window
    from signalroom.clients import active_clients
    from signalroom.errors import SignalRoomError

    window = explicit_window(start, end) if start or end else None
    working_for = active_clients(chosen)
    for name in names:
        source = registry.source(name)
        for client in working_for:
            missing = pipeline.missing_variables(source, client.id)
            if missing:
                progress.note(
                    f"{source.title} is off for {client.id}: {', '.join(missing)} is not set."
                )
                continue
            try:
                pipeline.refuse_shared_accounts(source)
                pull = pipeline.make_pull(source, client.id, window=window, resources=resources)
            except SignalRoomError as error:
                failures.append(str(error))
                continue
            yield source, pull


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


def _load(source: Source, pull: Pull, progress: Progress, as_json: bool) -> list[str]:
    """Load one pull; returns what failed of it."""
    from dataclasses import replace

    from ingest import pipeline
    from signalroom.errors import SignalRoomError
    from signalroom.masking import mask

    step = progress.step(f"{source.title} {pull.client_id}")
    report: dict[str, object] = {"source": source.name, "client": pull.client_id}
    failures: list[str] = []
    try:
        name = f"{source.title} {pull.client_id}"
        pull = replace(pull, say=step.say, notice=lambda text: progress.note(f"{name}: {text}"))
        loaded = pipeline.load(source, pull)
        failures += loaded.failures
        report |= {
            "window": str(loaded.window),
            "rows": loaded.rows,
            "changed": loaded.changed,
            "rejected_rows": loaded.rejected_rows,
        }
    except SignalRoomError as error:
        failures.append(str(error))
    if failures:
        step.fail("; ".join(failures))
    else:
        step.finish(loaded.summary())
    if as_json:
        click.echo(json.dumps({**report, "failures": [mask(failure) for failure in failures]}))
    return failures
