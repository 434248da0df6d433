"""The stage: a home of its own with made-up marts, in which the real code reads and renders.

A person's warehouse, outbox, clock and channels are out of reach while it stands.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from reports.preview.tables import Rows
from signalroom.paths import home, root
from signalroom.warehouse import duckdb_path

CONTRACT = "transform/models/marts/_marts__models.yml"
HIDDEN = ("SIGNALROOM_", "SUPABASE_", "SLACK_", "RESEND_", "TWILIO_")
KEPT = ("SIGNALROOM_TIMEZONE",)


@contextmanager
def stage(folder: Path, now: str) -> Iterator[None]:
    """Stand on the stage at a moment (ISO, in the business zone); afterwards all is as before."""
    # matplotlib's list of fonts stays where real reports keep it: to make one takes seconds.
    fonts = os.environ.get("MPLCONFIGDIR") or str(home() / "matplotlib")
    before = dict(os.environ)
    for name in before:
        if name.startswith(HIDDEN) and not name.startswith(KEPT):
            del os.environ[name]
    os.environ |= {
        "SIGNALROOM_HOME": str(folder),
        "SIGNALROOM_TARGET": "duckdb",
        "SIGNALROOM_NOW": now,
        "MPLCONFIGDIR": fonts,
        "SIGNALROOM_PUBLIC_URL": "https://signalroom.example.org",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def fill(tables: dict[str, Rows]) -> None:
    """Make every mart that dbt's contract names, and put the rows in, on the stage."""
    import duckdb
    import pyarrow

    with duckdb.connect(str(duckdb_path())) as connection:
        connection.execute("create schema marts")
        for name, columns in _contract().items():
            listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            connection.execute(f'create table marts."{name}" ({listed})')
        for name, rows in tables.items():
            if rows:
                connection.register("given", pyarrow.Table.from_pylist(rows, _schema(name, rows)))
                connection.execute(f'insert into marts."{name}" by name select * from given')  # noqa: S608
                connection.unregister("given")


@cache
def _contract() -> dict[str, dict[str, str]]:
    """Columns and their types, by mart."""
    text = (root() / CONTRACT).read_text(encoding="utf-8")
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in yaml.safe_load(text)["models"]
    }


def _schema(name: str, rows: Rows) -> Any:
    """Arrow's types; from values alone it would not know a column that begins empty."""
    import pyarrow

    types = {
        "text": pyarrow.string(),
        "date": pyarrow.date32(),
        "bigint": pyarrow.int64(),
        "boolean": pyarrow.bool_(),
        "timestamptz": pyarrow.timestamp("us", tz="UTC"),
        "decimal(18, 6)": pyarrow.decimal128(18, 6),
        "decimal(38, 18)": pyarrow.decimal128(38, 18),
    }
    return pyarrow.schema([(column, types[_contract()[name][column]]) for column in rows[0]])
