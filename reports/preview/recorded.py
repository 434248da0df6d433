"""The marts of the gallery: rows recorded once from the simulated agency through `dbt build`.

`make record-marts` writes one CSV for each mart that a report reads, as of a Monday morning, and
`recorded.json`: the fingerprint of the SQL that made each. Types come from dbt's contracts.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from signalroom.paths import root
from signalroom.warehouse import duckdb_path

NOW = "2026-11-16T09:30:00"  # a Monday, business zone
FOLDER = Path(__file__).parent / "marts"
FINGERPRINTS = FOLDER / "recorded.json"
MODELS = "transform/models/marts"
REPAIR = "record the rows again: make record-marts"
_COMMENT = re.compile(r"--[^\n]*|\{#.*?#\}", re.DOTALL)


@cache
def contract() -> dict[str, dict[str, str]]:
    """Columns and their types, in order, by mart."""
    text = (root() / MODELS / "_marts__models.yml").read_text(encoding="utf-8")
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in yaml.safe_load(text)["models"]
    }


def create_marts() -> str:
    """SQL that makes every mart of the contract, empty; the same on both engines."""
    tables = []
    for name, columns in contract().items():
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        tables.append(f'create table marts."{name}" ({listed});')
    return "create schema marts; " + " ".join(tables)


def names() -> list[str]:
    """The marts that were recorded."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def fill(patches: Sequence[str] = (), parameters: Mapping[str, object] | None = None) -> None:
    """Make the marts in the DuckDB warehouse of this home, with the recorded rows and patches.

    `patches` are statements over the marts by their bare names; `$names` come from `parameters`.
    """
    import duckdb

    with duckdb.connect(str(duckdb_path())) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(create_marts())
        for name in names():
            kinds = contract()[name]
            cast = ", ".join(f'cast("{column}" as {kind})' for column, kind in kinds.items())
            connection.execute(
                f'insert into marts."{name}" select {cast} from read_csv(?, header=true,'  # noqa: S608
                " all_varchar=true, nullstr='', allow_quoted_nulls=false)",
                [str(FOLDER / f"{name}.csv")],
            )
        connection.execute("use marts")
        for patch in patches:
            given = {key: value for key, value in (parameters or {}).items() if f"${key}" in patch}
            connection.execute(patch, given or None)


def fingerprint(mart: str) -> str:
    """Of a mart's SQL without comments and layout."""
    text = (root() / MODELS / f"{mart}.sql").read_text(encoding="utf-8")
    plain = " ".join(_COMMENT.sub("", text).split())
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def problems() -> list[str]:
    """Why the recorded rows are not those that the marts would have now; empty when they are."""
    found = []
    made = json.loads(FINGERPRINTS.read_text(encoding="utf-8"))
    for name in names():
        if made.get(name) != fingerprint(name):
            found.append(f"{name}.sql changed since its rows were recorded; {REPAIR}")
        with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        if header != list(contract()[name]):
            found.append(f"{name}.csv has other columns than the contract of {name}; {REPAIR}")
    return found
