"""`ops.sources`: which source is on for which client, as a recorded fact.

A source is on from the first pull that finds its variables set, whatever the vendor answers, until
a person pauses it. The environment of any one process does not change that: a missing key of a
source that is on is a fault. Only a pull (`record_on`) and a person (`pause`, `resume`) write here;
a pair of client and source without a row is off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from signalroom import clock, demo_home
from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.migrations import prepare_warehouse
from signalroom.settings import target
from signalroom.times import moment
from signalroom.warehouse import Execute, duckdb_exists, read, transaction

SELECT = "select _client_id, source, state, since, until, reason from ops.sources"
CHANGE = (
    "update ops.sources set state = :state, since = :since, until = :until, reason = :reason"
    " where _client_id = :client_id and source = :source"
)
INSERT = (
    "insert into ops.sources (_client_id, source, state, since)"
    " values (:client_id, :source, 'on', :since)"
)
IS_THERE = (
    "select 1 as there from information_schema.tables"
    " where table_schema = 'ops' and table_name = 'sources'"
)


@dataclass(frozen=True)
class SourceState:
    """One source of one client: `state` is on, off or paused, `since` an instant (UTC).

    A pause ends automatically at `until`, if set; from then on the state is on.
    """

    client_id: str
    source: str
    state: str
    since: datetime
    until: datetime | None = None
    reason: str | None = None

    def pause_text(self) -> str:
        """A pause in a few words."""
        return paused(self.since, self.until, self.reason)


def paused(since: datetime, until: datetime | None, reason: str | None) -> str:
    """A pause in a few words: `paused since Nov 19, 9:00 AM EST: key is renewed`."""
    text = f"paused since {moment(since)}" + (f" until {moment(until)}" if until else "")
    return f"{text}: {reason}" if reason else text


States = Mapping[tuple[str, str], SourceState]  # by client and source


def read_states(wait_s: float | None = None) -> States:
    """Every recorded state; empty without a warehouse. Nothing is created or changed.

    `wait_s` is how long to wait for a process that has the DuckDB file, if not the default. Raises
    WarehouseError if the warehouse is unavailable or another process writes to it.
    """
    if target() == "duckdb" and not duckdb_exists():
        return {}
    if not read(IS_THERE, within="information_schema", wait_s=wait_s):
        return {}
    return _states(read(SELECT, within="ops", wait_s=wait_s))


def states_of_pulls(is_plan: bool = False) -> States:
    """The states before pulls; a plan writes nothing and does not wait for the file."""
    if is_plan:
        try:
            return {} if demo_home.will_move() else read_states(wait_s=0)
        except WarehouseError:
            return {}
    if target() == "postgres" or duckdb_exists():
        prepare_warehouse()  # an older one does not have ops.sources yet
    return read_states()


def _states(rows: Iterable[Mapping[str, Any]]) -> States:
    now = clock.now()
    found = {}
    for row in rows:
        one = SourceState(*row.values())
        if one.state == "paused" and one.until and one.until <= now:
            one = SourceState(one.client_id, one.source, "on", one.until)
        found[one.client_id, one.source] = one
    return found


def record_on(pairs: Iterable[tuple[str, str]]) -> None:
    """Record that a pull begins for these clients and sources; their variables are set.

    A pause that has ended is cleared; an active one stays.
    """
    wanted = list(pairs)
    if not wanted:
        return
    prepare_warehouse()
    now = clock.now()
    with transaction() as execute:
        recorded = {(row["_client_id"], row["source"]): row["state"] for row in execute(SELECT)}
        states = _states(execute(SELECT))
        for client_id, source in wanted:
            pair = (client_id, source)
            if pair not in recorded:
                values = {"client_id": client_id, "source": source, "since": now}
                execute(f"{INSERT} on conflict do nothing", values)
            elif recorded[pair] != "on" and states[pair].state != "paused":
                since = now if recorded[pair] == "off" else states[pair].since
                _change(execute, SourceState(client_id, source, "on", since))


def pause(
    source: str, client_ids: Iterable[str], until: datetime | None = None, reason: str | None = None
) -> list[str]:
    """Pause a source for the clients that have it on (or already paused); returns these clients.

    A paused source is not waited for and not pulled. Raises ConfigurationError if none of the
    clients has it.
    """
    chosen = set(client_ids)
    prepare_warehouse()
    with transaction() as execute:
        known = _states(execute(SELECT))
        paused = sorted(client for client in chosen if (client, source) in known)
        if not paused:
            raise ConfigurationError(
                f"{source} was never on for {' or '.join(sorted(chosen))}: there is nothing to "
                "pause. A source is on from its first pull."
            )
        for client_id in paused:
            _change(execute, SourceState(client_id, source, "paused", clock.now(), until, reason))
    return paused


def resume(source: str, client_ids: Iterable[str]) -> list[str]:
    """End the pause of a source for the clients that have one; returns these clients."""
    prepare_warehouse()
    with transaction() as execute:
        known = _states(execute(SELECT))
        resumed = sorted(
            client
            for client in set(client_ids)
            if (client, source) in known and known[client, source].state == "paused"
        )
        for client_id in resumed:
            _change(execute, SourceState(client_id, source, "on", clock.now()))
    return resumed


def _change(execute: Execute, new: SourceState) -> None:
    execute(CHANGE, vars(new))
