"""The marts as they would have been built at an instant, from what was known then.

Raw data as of then comes from the version ledger, the clients' files from their stored versions;
today's models build the marts from them, in a scratch warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from signalroom import clients, clock, paths, warehouse
from signalroom.clients import Brand, Client
from signalroom.errors import TransformError
from signalroom.versioned import VERSIONED, versions_name
from transform.build import run_scratch
from transform.client_files.files import KINDS, Reading, read_text
from transform.client_files.packages import REGISTRY, entry_of, write_packages
from transform.scratch import CAMPAIGNS, CODES, LISTS, NO_TESTS, RAW, TABLES, columns, fill

MARTS = ("daily_performance", "daily_summary", "weekly_rollup", "affiliate_leaderboard")
Row = Mapping[str, Any]


def client_as_known(client: Client, at: datetime) -> Client:
    """The client with the brands and the mapping that the registry had at `at` (UTC).

    As of the last build before then; if there was none, as of the first build, or today's if none
    is stored.
    """
    rows = warehouse.read(
        "select content, known_from from client_file_versions"
        " where _client_id = :client_id and file_name = :file and is_usable order by recorded_at",
        {"client_id": client.id, "file": REGISTRY},
        within="ops",
    )
    known = [row for row in rows if row["known_from"] <= at] or rows[:1]
    if not known:
        return client
    entry = json.loads(known[-1]["content"])
    return replace(
        client,
        name=entry["name"],
        brands=tuple(Brand(name, number) for name, number in entry["brands"].items()),
        maps_by_offer=entry.get("mapping") == "offer",
    )


def build_as_known(client: Client, at: datetime) -> Path:
    """The home of a scratch warehouse whose marts show what was known of the client at `at`.

    The client is as of then (`client_as_known`). Raises TransformError if nothing was known yet, or
    if today's models fail on it.
    """
    home = paths.home() / "as-known"
    raw = {table: _known(table, client, at) for table in RAW}
    if not any(raw.values()):
        raise TransformError(
            f"Nothing was known of client {client.id} at {at.isoformat()}: what a pull brings is "
            "remembered from the first pull on."
        )
    totals = [total for table in RAW for total in _pulled(table, client, at, raw[table])]
    if client.maps_by_offer:
        raw |= {table: _known(table, client, at) for table in (CAMPAIGNS, *LISTS)}
        raw[CODES] = _codes(client)
    fill(home, {**raw, "ops.control_totals": totals, "ops.sources": _sources(client, at)})
    packages = home / "dbt" / "packages"
    write_packages(packages, _files(client, at))
    wanted = [f"+{mart}" for mart in (*MARTS, "goal_pace")]
    arguments = ["build", "--select", *wanted, *NO_TESTS, *_registry(client)]
    built = run_scratch(arguments, packages, home)
    if built.failures:
        raise TransformError(f"The scratch build failed: {built.failures[0]}")
    return home


def _registry(client: Client) -> list[str]:
    """Have dbt read another entry for the client than dbt_project.yml has today."""
    today = clients.registry()
    if entry_of(today[client.id]) == entry_of(client):
        return []
    entries = {one.id: entry_of(one) for one in today.values()}
    return ["--vars", json.dumps({"clients": {**entries, client.id: entry_of(client)}})]


def _known(table: str, client: Client, at: datetime) -> list[dict[str, Any]]:
    """The rows of a raw table as they were known: the newest version of each, unless removed."""
    kept = {name for part in VERSIONED[table] for name in part}
    keys = ", ".join(VERSIONED[table][0])
    listed = ", ".join(name for name in TABLES[table] if name in kept)
    others = [name for name in TABLES[table] if name not in (*kept, "_client_id")]
    nulls = "".join(f", null as {name}" for name in others)
    return warehouse.read(
        f"select _client_id, {listed}{nulls} from ("  # noqa: S608 - names of our own
        f"select *, row_number() over (partition by {keys} order by known_from desc, load_id desc)"
        f" as newest from {versions_name(table)} where _client_id = :client_id"
        " and known_from <= :at) as versions where newest = 1 and not is_removed",
        {"client_id": client.id, "at": at},
        within="ops",
    )


def _codes(client: Client) -> list[dict[str, Any]]:
    """The codes of affiliates and offers in links, which never change."""
    scope = {"client_id": client.id}
    sql = f"select {columns(CODES)} from tracking_codes where _client_id = :client_id"  # noqa: S608
    return warehouse.read(sql, scope, within="everflow")


def _pulled(table: str, client: Client, at: datetime, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The control totals as of then, as far as they show which day was pulled when.

    Pulls from before these were recorded are inferred from their rows.
    """
    source, _, name = table.partition(".")
    scope = {"client_id": client.id, "source": source, "name": name, "at": at}
    found: dict[date, tuple[datetime, datetime]] = {}
    for version in warehouse.read(
        "select date, max(known_from) as at from"  # noqa: S608 - names of our own
        f" {versions_name(table)} where _client_id = :client_id and known_from <= :at group by 1",
        scope,
        within="ops",
    ):
        found[version["date"]] = (version["at"], version["at"])
    for pull in warehouse.read(
        "select first_day, last_day, as_of, loaded_at from pulls where _client_id = :client_id"
        " and source = :source and table_name = :name and known_from <= :at order by known_from",
        scope,
        within="ops",
    ):
        for number in range((pull["last_day"] - pull["first_day"]).days + 1):
            day = pull["first_day"] + timedelta(days=number)
            found[day] = (pull["as_of"], pull["loaded_at"])
    counts: dict[date, int] = {}
    for row in rows:
        counts[row["date"]] = counts.get(row["date"], 0) + 1
    return [
        {
            "_client_id": client.id,
            "source": source,
            "table_name": name,
            "partition_key": day.isoformat(),
            "day": day,
            "measure": "rows",
            "total": Decimal(counts.get(day, 0)),
            "as_of": as_of,
            "is_closed": clock.is_closed(day, as_of),
            "loaded_at": loaded_at,
        }
        for day, (as_of, loaded_at) in found.items()
    ]


def _sources(client: Client, at: datetime) -> list[dict[str, Any]]:
    return warehouse.read(
        "select _client_id, source, state, since, until, reason from sources"
        " where _client_id = :client_id and since <= :at",
        {"client_id": client.id, "at": at},
        within="ops",
    )


def _files(client: Client, at: datetime) -> dict[tuple[str, str], Reading]:
    """The client's files as the last build before then read them, or else the first build."""
    rows = warehouse.read(
        "select file_name, content, known_from from client_file_versions"
        " where _client_id = :client_id and is_usable order by recorded_at",
        {"client_id": client.id},
        within="ops",
    )
    found = {}
    for kind in KINDS:
        of_kind = [row for row in rows if row["file_name"] == kind.name]
        known = [row for row in of_kind if row["known_from"] <= at] or of_kind[:1]
        if known:
            text = known[-1]["content"]
            found[client.id, kind.name] = (
                Reading(kind(client).file) if text is None else read_text(kind, client, text)
            )
    return found
