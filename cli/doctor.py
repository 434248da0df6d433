"""`signalroom doctor`: what is set up, what works, what does not, and how to fix it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click

from cli.lines import say, starting
from signalroom.checks import Check
from signalroom.plural import counted

POOLER = "6543"
MARKS = {"warning": "!", "fault": "✗"}


@click.command()
@click.option("--reference-only", is_flag=True, help="Check the clients' files alone.")
@click.option("--offline", is_flag=True, help="Call no vendor and no channel.")
@click.option("--json", "as_json", is_flag=True, help="Every check, for programs.")
@click.option("--adopt", is_flag=True, help="Show what an earlier system left, and the plan.")
@click.option("--yes", is_flag=True, help="With --adopt: carry the plan out.")
def doctor(reference_only: bool, offline: bool, as_json: bool, adopt: bool, yes: bool) -> None:
    """Check configuration, connections and client data; name each fix.

    Each source and channel is checked by one read-only call. Exits 1 if something would stop the
    main job or give wrong numbers, 0 if there are only warnings.
    """
    if adopt:
        _adopt(yes)
        return
    with starting("Checking files, settings and connections ..."):
        from signalroom import machine

        found = _client_files()
        grid: list[Check] = []
        if not reference_only:
            found += _general()
            found += [] if offline else _temporal()
            grid = _connections(offline)
            found += machine.skew()  # after other servers have told the time
    everything = [*found, *grid]
    is_faulty = any(check.state == "fault" for check in everything)
    if as_json:
        ready = not is_faulty and (reference_only or bool(_ready(grid, "source")[0]))
        click.echo(json.dumps({"ready": ready, "checks": [_plain(one) for one in everything]}))
    else:
        _show(found, grid, offline)
    sys.exit(1 if is_faulty else 0)


def _client_files() -> list[Check]:
    from transform import client_files

    mistakes = client_files.check()
    if not mistakes:
        return [Check("client_files", "ok", "the clients' files are in order")]
    return [
        Check("client_files", "fault" if one.spoils_file else "warning", str(one))
        for one in mistakes
    ]


def _general() -> list[Check]:
    from ingest import probes as sources
    from reports.delivery import probes as channels
    from signalroom import variables
    from signalroom.errors import SignalRoomError

    found: list[Check] = []
    for name, look in _LOOKS.items():
        try:
            found += look(name)
        except SignalRoomError as error:
            found.append(Check(name, "fault", str(error)))
    return [*found, *variables.check({*sources.needed_variables(), *channels.needed_variables()})]


def _connections(offline: bool) -> list[Check]:
    from ingest import probes as sources
    from reports.delivery import probes as channels
    from signalroom.errors import SignalRoomError

    found: list[Check] = []
    try:
        found += sources.check_sources(_states(), offline=offline)
        found += channels.check_channels(offline=offline)
    except SignalRoomError as error:  # the clients or the time zone, which is also reported above
        found.append(Check("connections", "fault", str(error)))
    return found


def _temporal() -> list[Check]:
    """Temporal's server, if it schedules: whether it answers, and has the schedules."""
    from cli.temporal import need_extra
    from scheduler.temporal.links import address
    from signalroom.errors import SignalRoomError

    if not address():
        return []
    try:
        need_extra()
        from scheduler.schedule import read_schedule
        from scheduler.temporal import schedules
        from scheduler.temporal.connection import connect, wait_for

        jobs = read_schedule()

        async def names() -> set[str]:
            return {one.job for one in await schedules.listed(await connect(), jobs)}

        missing = sorted({job.name for job in jobs} - wait_for(names()))
    except SignalRoomError as error:
        return [Check("Temporal", "fault", str(error))]
    if missing:
        said = f"Temporal at {address()} does not schedule {', '.join(missing)}"
        return [Check("Temporal", "warning", said, "`signalroom temporal apply` schedules them.")]
    return [Check("Temporal", "ok", f"{address()} answers and has every schedule")]


def _states() -> Any:
    """What is on according to the warehouse; the demo's does not apply to real sources."""
    from ingest import probes
    from signalroom import demo_home
    from signalroom.errors import SignalRoomError

    try:
        is_demo = demo_home.holds_demo() and not os.environ.get("SIGNALROOM_SANDBOX")
        return {} if is_demo else probes.recorded_states()
    except SignalRoomError:
        return {}  # the warehouse is unavailable, as reported above


def _home(name: str) -> list[Check]:
    from signalroom import paths

    return [Check(name, "ok", f"local state in {paths.checked_home()}")]


def _time(name: str) -> list[Check]:
    from signalroom import clock
    from signalroom.times import moment

    return [Check(name, "ok", f"business time {moment(clock.now())}")]


def _clients(name: str) -> list[Check]:
    from signalroom import clients

    names = ", ".join(client.id for client in clients.active_clients())
    return [Check(name, "ok", f"clients {names}")]


def _alert_policy(name: str) -> list[Check]:
    from ingest.privacy.policy import check_tables
    from reports.alerts import policy
    from signalroom import retention

    policy.check()
    retention.policy()
    check_tables()
    return [Check(name, "ok", "alerts.yml, retention.yml and privacy.yml are in order")]


def _alert_recipients(name: str) -> list[Check]:
    """Recipients of reports do not get alerts: a channel without alert recipients stays silent."""
    from reports.alerts.targets import RECIPIENTS, recipients
    from signalroom.clients import active_clients
    from signalroom.settings import own_variables

    found = []
    for client in active_clients():
        unset = [one for one in RECIPIENTS if not recipients(one, client.id)]
        names = [own_variables(RECIPIENTS[one][0], client.id) for one in unset]
        scope = {"client": client.id}
        if len(unset) == len(RECIPIENTS):
            said = f"no one gets alerts for client {client.id}"
            found.append(Check(name, "warning", said, f"Set {' or '.join(names)}.", **scope))
            continue
        for channel, variable in zip(unset, names, strict=True):
            said = f"alerts for client {client.id} are not sent by {channel}: {variable} not set"
            found.append(Check(name, "off", said, f"Set {variable}.", **scope))
    return found


def _proxy(name: str) -> list[Check]:
    """A proxy that cannot be used: every request would fail with this error."""
    from signalroom.http_client import http_client

    http_client().close()
    return []


def _warehouse(name: str) -> list[Check]:
    from signalroom import machine, settings
    from signalroom.warehouse import duckdb_connection, duckdb_path, postgres_connection, read

    if settings.target() == "postgres":
        settings.require("SIGNALROOM_HASH_SALT")
        with postgres_connection() as connection, connection.cursor() as cursor:
            cursor.execute(
                "select current_setting('server_version'),"
                " current_setting('default_transaction_read_only'), pg_is_in_recovery(),"
                " clock_timestamp()"
            )
            version, read_only, is_replica, now = cursor.fetchone()
        machine.hear("PostgreSQL", now)
        if read_only == "on" or is_replica:
            repair = "Make room there, or give SUPABASE_DB_HOST the server that takes writes."
            return [Check(name, "fault", f"PostgreSQL {version} is in read-only mode", repair)]
        [reader] = read("select current_user as role", client_id="*")
        return [
            Check(name, "ok", f"PostgreSQL {version} answers{_by_pooler()}"),
            Check(name, "ok", f"reports read as {reader['role']}"),
        ]
    if not duckdb_path().exists():
        said = f"DuckDB file {duckdb_path()} will be made by the first run"
        return [Check(name, "ok", said)]
    with duckdb_connection(read_only=True):
        return [Check(name, "ok", f"DuckDB file {duckdb_path()} opens")]


def _by_pooler() -> str:
    """The port of Supabase's transaction pooler."""
    from signalroom import settings

    return (
        " through its transaction pooler" if settings.require("SUPABASE_DB_PORT") == POOLER else ""
    )


def _machine(name: str) -> list[Check]:
    from signalroom import machine

    return [*machine.python(), *machine.memory()]


def _demo(name: str) -> list[Check]:
    from signalroom import demo_home, settings

    if os.environ.get("SIGNALROOM_SANDBOX") or not demo_home.holds_demo():
        return []
    if settings.target() == "duckdb":
        said = "the warehouse holds the demo; the first real load moves it aside"
        return [Check(name, "warning", said, "`make reset` deletes it now.")]
    said = "the warehouse holds the demo, and no real data can be loaded next to it"
    return [Check(name, "fault", said, "Use another database, or drop the demo's schemas.")]


def _exposure(name: str) -> list[Check]:
    from ingest import registry
    from signalroom import access
    from signalroom.errors import SignalRoomError

    try:
        return [
            *(Check(name, "fault", one) for one in access.exposed(registry.NAMES)),
            *(Check(name, "warning", one) for one in access.perhaps_exposed(registry.NAMES)),
        ]
    except SignalRoomError:
        return []  # PostgreSQL is unavailable, as reported above


def _outbox(name: str) -> list[Check]:
    """Checks for a database of a newer version, and for an outdated outbox from a backup."""
    from scheduler.status.verdict import outbox_doubt
    from signalroom import outbox_memory, run_database

    run_database.refuse_newer()
    older = outbox_doubt()
    return [Check(name, "warning", older, outbox_memory.TELLS)] if older else []


def _mapping(name: str) -> list[Check]:
    """Sources without a mapping, or mapped to another affiliate than their offers' links name."""
    from transform.client_files.suggested import suggestions

    return suggestions()


_LOOKS: dict[str, Callable[[str], list[Check]]] = {
    "machine": _machine,
    "home": _home,
    "time": _time,
    "clients": _clients,
    "alert_policy": _alert_policy,
    "alert_recipients": _alert_recipients,
    "proxy": _proxy,
    "warehouse": _warehouse,
    "demo": _demo,
    "exposure": _exposure,
    "outbox": _outbox,
    "mapping": _mapping,
}


def _show(found: Sequence[Check], grid: Sequence[Check], offline: bool) -> None:
    for check in found:
        if check.state == "ok":
            _good(check.line)
    shown = [check for check in (*found, *grid) if check.state in MARKS]
    for line in dict.fromkeys(f"{MARKS[check.state]} {check.line}" for check in shown):
        _complain(line)
    if grid:
        _show_grid(grid, offline)
        click.echo(_verdict([*found, *grid], grid))


def _show_grid(grid: Sequence[Check], offline: bool) -> None:
    """Sources and channels by client; failures are in the lines above."""
    ids = list(dict.fromkeys(check.client for check in grid if check.client))
    cells = {(check.source or check.channel, check.client): check for check in grid}
    rows = list(dict.fromkeys(name for name, client in cells if client))
    wide = max(len(str(name)) for name in rows) + 2 if rows else 0
    click.echo("".join([" " * wide, *(f"{client:<11}" for client in ids)]).rstrip())
    for name in rows:
        shown = [_word(cells.get((name, client)), offline) for client in ids]
        click.echo("".join([f"{name:<{wide}}", *(f"{word:<11}" for word in shown)]).rstrip())


def _word(check: Check | None, offline: bool) -> str:
    if check is None:
        return ""
    return "set up" if offline and check.state == "ok" else check.word


def _ready(grid: Sequence[Check], kind: str) -> tuple[int, int]:
    """How many sources or channels work for some client and fail for none, and the total."""
    states: dict[str, set[str]] = {}
    for check in grid:
        if name := getattr(check, kind):
            states.setdefault(name, set()).add(_word(check, offline=False))
    good = [one for one in states.values() if one & {"connected", "limited"}]
    return sum(not one & {"refused", "no answer"} for one in good), len(states)


def _verdict(everything: Sequence[Check], grid: Sequence[Check]) -> str:
    """The last line: "Ready: 4 of 6 sources, 2 of 3 channels. Next: …"."""
    sources, channels = _ready(grid, "source"), _ready(grid, "channel")
    faults = [check for check in everything if check.state == "fault"]
    off = [check for check in grid if check.state == "off" and check.repair]
    if faults:
        following = faults[0].line
    elif not sources[0] or not channels[0]:
        kind = "channel" if sources[0] else "source"
        lacking = next((check for check in off if getattr(check, kind)), None)
        following = lacking.repair if lacking else "set up a source or channel."
    else:
        following = "`signalroom run`."
    from signalroom.logs import mask

    said = f"{sources[0]} of {sources[1]} sources, {channels[0]} of {channels[1]} channels"
    return mask(f"Ready: {said}. Next: {following}")


def _plain(check: Check) -> dict[str, Any]:
    from signalroom.logs import mask

    return {
        name: mask(value) if isinstance(value, str) else value
        for name, value in asdict(check).items()
    }


def _complain(text: str) -> None:
    from signalroom.logs import mask

    say(mask(text), err=True)


def _good(text: str) -> None:
    say(f"✓ {text}")


def _adopt(carry_out: bool) -> None:
    from ingest import adoption
    from ingest import loads as ledger

    ledger.prepare()
    found = adoption.inherited()
    for one in found:
        rows = ", ".join(f"{table} {counted(count, 'row')}" for table, count in one.tables.items())
        click.echo(f"{one.schema}: {rows} -> schema {one.aside}, nothing is dropped")
        if carry_out:
            adoption.set_aside(one)
            _good(f"{one.schema} is set aside; `signalroom backfill {one.schema}` fills it again")
    if not found:
        _good("no table of an earlier system is in the way")
    elif not carry_out:
        click.echo("Nothing was changed; `signalroom doctor --adopt --yes` carries this out.")
