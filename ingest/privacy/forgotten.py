"""People who asked to be forgotten: their hashes are removed everywhere, and no load restores them.

`ops.forgotten` keeps only the hash. Rows stay, so that every total still holds; values that
identify the person are blanked. Raw data that is loaded again gets the same blanks, from
`load_forgotten` in ingest.privacy.policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from ingest.privacy.policy import Hasher, policy, salt
from signalroom import clock, sources
from signalroom.clients import registry
from signalroom.load_tables import UNFINISHED_DAYS
from signalroom.lock import hold
from signalroom.migrations import prepare_warehouse
from signalroom.settings import target
from signalroom.tables import FORGOTTEN_PEOPLE, MIGRATIONS
from signalroom.warehouse import BUILT_SCHEMAS, Execute, schema, transaction

COLUMNS = """
select
    columns.table_schema, columns.table_name, columns.column_name, lower(data_type) as kind
from information_schema.columns
inner join information_schema.tables
    on columns.table_schema = tables.table_schema and columns.table_name = tables.table_name
where tables.table_type = 'BASE TABLE'
order by columns.table_schema, columns.table_name, columns.column_name
"""
TEXT = ("text", "character varying", "varchar")
JSON = ("json", "jsonb")
CLOCKS = timedelta(minutes=5)  # by which those of two machines may differ
NOT_TOUCHED = (FORGOTTEN_PEOPLE.name, MIGRATIONS.name, UNFINISHED_DAYS.name)


def hashes_of(address: str) -> set[str]:
    """The hashes under which a person's email address (or telephone number) is kept, by client."""
    return {Hasher(salt(client_id)).digest(address) for client_id in registry()}


def forget(hashes: Iterable[str]) -> dict[str, int]:
    """Record the hashes, and blank them everywhere; returns the number of rows changed by table.

    In a raw row that has one, every hashed column is blanked. Waits for loads and builds to end.
    Safe to repeat, also after an interruption.
    """
    wanted = sorted(set(hashes))
    prepare_warehouse()
    with transaction() as execute:
        for found in wanted:
            execute(
                "insert into ops.forgotten (hash, forgotten_at) values (:hash, :now)"
                " on conflict do nothing",
                {"hash": found, "now": clock.instant()},
            )
    with ExitStack() as locks:
        works = [f"ingest {name}" for name in sources.names()] if target() == "postgres" else []
        for work in ("dbt build", *works):  # in the order in which a build takes the locks
            locks.enter_context(hold(work))
        with transaction() as execute:
            execute("delete from ops.unfinished_days")  # packed rows; they are read again
            changed = {}
            for (where, table), columns in _tables(execute).items():
                count = sum(_blank(execute, where, table, columns, one) for one in wanted)
                if count:
                    changed[f"{where}.{table}"] = count
    return changed


def forget_again(execute: Execute, source: str, since: datetime) -> None:
    """Blank who was forgotten after a pull of the source began: its rows still have them."""
    rows = execute(
        "select hash from ops.forgotten where forgotten_at >= :since", {"since": since - CLOCKS}
    )
    for (where, table), columns in (_tables(execute) if rows else {}).items():
        if where in (source, f"{source}_staging", "ops"):
            for row in rows:
                _blank(execute, where, table, columns, row["hash"])


def _tables(execute: Execute) -> dict[tuple[str, str], dict[str, str]]:
    """Text columns, with their types, of every table of ours."""
    raw = [name for source in sources.names() for name in (source, f"{source}_staging")]
    ours = {"ops", *raw, *map(schema, BUILT_SCHEMAS)}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in execute(COLUMNS):
        is_ours = row["table_schema"] in ours and row["table_name"] not in NOT_TOUCHED
        if is_ours and row["kind"] in (*TEXT, *JSON) and not row["column_name"].startswith("_"):
            columns = found.setdefault((row["table_schema"], row["table_name"]), {})
            columns[row["column_name"]] = row["kind"]
    return found


def _blank(execute: Execute, where: str, table: str, columns: Mapping[str, str], one: str) -> int:
    shows = " or ".join(f'cast("{name}" as text) like :inside' for name in columns)
    values: dict[str, Any] = {"hash": one, "inside": f"%{one}%"}
    place = f'"{where}"."{table}"'
    count = execute(f"select count(*) as n from {place} where {shows}", values)[0]["n"]  # noqa: S608
    if count:
        hashed = _hashed(where, table, columns)
        changes = ", ".join(
            f'"{name}" = {_blanked(name, kind, name in hashed)}' for name, kind in columns.items()
        )
        execute(f"update {place} set {changes} where {shows}", values)  # noqa: S608
    return int(count)


def _hashed(where: str, table: str, columns: Iterable[str]) -> set[str]:
    """The columns of a raw table that the policy hashes, for any client."""
    source = where.removesuffix("_staging")
    if source not in sources.names():
        return set()
    policies = [policy(source, table, client_id) for client_id in registry()]
    return {name for name in columns if any(one.action(name) == "hash" for one in policies)}


def _blanked(name: str, kind: str, is_hashed: bool) -> str:
    if is_hashed:
        return "null"
    text = f"replace(cast(\"{name}\" as text), :hash, '')"
    if kind in JSON:
        return f"cast({text} as {kind})"
    return f"nullif({text}, '')"
