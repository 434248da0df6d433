"""The marts of the gallery: rows recorded once from the simulated agency through `dbt build`.

`make record-marts` writes one CSV for each mart that a report reads, as of a Monday morning, and
`recorded.json`: fingerprints of what they were made from. Types come from dbt's contracts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from signalroom import yaml_files
from signalroom.paths import root
from signalroom.warehouse import duckdb_path

NOW = "2026-11-16T09:30:00"  # a Monday, business zone
FOLDER = Path(__file__).parent / "marts"
MODELS = "transform/models/marts"


@cache
def contract() -> dict[str, dict[str, str]]:
    """Columns and their types, in order, by mart."""
    text = (root() / MODELS / "_marts__models.yml").read_text(encoding="utf-8")
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in yaml_files.load(text)["models"]
    }


def create_marts() -> str:
    """SQL that creates every mart of the contract, empty; the same on both engines."""
    tables = []
    for name, columns in contract().items():
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        tables.append(f'create table marts."{name}" ({listed});')
    return "create schema marts; " + " ".join(tables)


def names() -> list[str]:
    """The marts that were recorded."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def fill(patches: Sequence[str] = (), parameters: Mapping[str, object] | None = None) -> None:
    """Create the marts in the DuckDB warehouse of this home, with the recorded rows and patches.

    `patches` are statements with unqualified mart names; `$names` come from `parameters`.
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
    change(patches, parameters)


def change(patches: Sequence[str], parameters: Mapping[str, object] | None = None) -> None:
    """Run patches, as of `fill`, on marts that are already filled."""
    import duckdb

    with duckdb.connect(str(duckdb_path())) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("use marts")
        for patch in patches:
            given = {key: value for key, value in (parameters or {}).items() if f"${key}" in patch}
            connection.execute(patch, given or None)
