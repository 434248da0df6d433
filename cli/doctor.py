"""`signalroom doctor`: what is set up, what is not, and how to repair it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click


@click.command()
@click.option("--reference-only", is_flag=True, help="Check the clients' files alone.")
@click.option("--adopt", is_flag=True, help="Show what an earlier system left, and the plan.")
@click.option("--yes", is_flag=True, help="With --adopt: carry the plan out.")
def doctor(reference_only: bool, adopt: bool, yes: bool) -> None:
    """Check configuration, connections and client data; name each repair.

    Exits 1 when something would stop the main job or give wrong numbers.
    """
    from signalroom.errors import SignalRoomError
    from transform import client_files as reference

    if adopt:
        _adopt(yes)
        return
    mistakes = reference.check()
    faults = [str(mistake) for mistake in mistakes if mistake.spoils_file]
    for warning in (str(mistake) for mistake in mistakes if not mistake.spoils_file):
        click.echo(f"! {warning}", err=True)
    for check in () if reference_only else (_settings, _warehouse, _sources):
        try:
            check(_good)
        except SignalRoomError as error:
            faults.append(str(error))
    faults += [] if reference_only else _exposed()
    if not mistakes:
        _good("the clients' files are in order")
    for fault in faults:
        click.echo(f"✗ {fault}", err=True)
    sys.exit(1 if faults else 0)


def _good(text: str) -> None:
    click.echo(f"✓ {text}")


def _settings(good: Callable[[str], None]) -> None:
    from reports.alerts import policy as alert_policy
    from signalroom import clients, clock, paths

    good(f"local state in {paths.checked_home()}")
    good(f"business time {clock.now().astimezone(clock.zone()):%Y-%m-%d %H:%M %Z}")
    good(f"clients {', '.join(client.id for client in clients.active_clients())}")
    alert_policy.check()
    good("alerts.yml is in order")


def _warehouse(good: Callable[[str], None]) -> None:
    from signalroom import settings
    from signalroom.warehouse import duckdb_connection, duckdb_path, postgres_connection, read

    if settings.target() == "postgres":
        settings.require("SIGNALROOM_HASH_SALT")
        with postgres_connection() as connection, connection.cursor() as cursor:
            cursor.execute("show server_version")
            good(f"PostgreSQL {cursor.fetchone()[0]} answers")
        [reader] = read("select current_user as role", client_id="*")
        good(f"reports read as {reader['role']}")
        return
    if duckdb_path().exists():
        with duckdb_connection(read_only=True):
            good(f"DuckDB file {duckdb_path()} opens")
    else:
        good(f"DuckDB file {duckdb_path()} will be made by the first run")


def _exposed() -> list[str]:
    from ingest import registry
    from signalroom import access
    from signalroom.errors import SignalRoomError

    try:
        return access.exposed(registry.NAMES)
    except SignalRoomError:
        return []  # PostgreSQL is away, which is named above


def _sources(good: Callable[[str], None]) -> None:
    from ingest import pull as pipeline
    from ingest import registry
    from signalroom import clients

    for name in registry.NAMES:
        source = registry.source(name)
        pipeline.refuse_shared_accounts(source)
        for client in clients.active_clients():
            missing = pipeline.missing_variables(source, client.id)
            if missing:
                click.echo(f"• {name} is off for {client.id}: {', '.join(missing)} not set")
            else:
                good(f"{name} is set up for {client.id}")


def _adopt(carry_out: bool) -> None:
    from ingest import adoption
    from ingest import loads as ledger

    ledger.prepare()
    found = adoption.inherited()
    for one in found:
        rows = ", ".join(f"{table} {count:,} rows" for table, count in one.tables.items())
        click.echo(f"{one.schema}: {rows} -> schema {one.aside}, nothing is dropped")
        if carry_out:
            adoption.set_aside(one)
            _good(f"{one.schema} is set aside; `signalroom backfill {one.schema}` fills it again")
    if not found:
        _good("no table of an earlier system is in the way")
    elif not carry_out:
        click.echo("Nothing was changed; `signalroom doctor --adopt --yes` carries this out.")
