"""What a build may skip: only what cannot differ from the last full build.

The last build without a failure or a warning is recorded in `ops.builds`: the code, files and
settings that it used, the rows that it read, and what it left in the warehouse. A build that finds
the same code and those relations untouched selects what depends on the rows that differ; in every
other case it builds everything. So does the first build of a business day, because of models that
use today's date. A view depends only on its SQL and the columns of raw: it is skipped if no column
differs, but its tests are not. The record is emptied before a build begins, so that an interrupted
build is followed by a full one.

An incremental model keeps rows that earlier SQL made: after an edit a build makes them all again,
and so do the next ones until one succeeds. What is altered in such a table by hand stays until
`--full-refresh`: PostgreSQL's counters, which show it, may come late.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from signalroom import clock, paths, settings, yaml_files
from signalroom.warehouse import read, transaction
from transform import fingerprints

PROJECT = ("dbt_project.yml", "profiles.yml", "packages.yml", "package-lock.yml")
PACKAGES = ("dbt-core", "dbt-duckdb", "dbt-postgres")
VARIABLES = ("SIGNALROOM_TIMEZONE", "SIGNALROOM_REPORT_ROLE")
# Models that read more of the control totals than the test of their own source does.
OF_REQUESTS = "int_days__requested+"
REQUESTS = "ops.control_totals"
# The product's own history differs at each build: it triggers none, and is part of every one.
HISTORY = "history"
ALONGSIDE = f"source:{HISTORY}+"
# Everything selected except views. `source:x+` includes every test of what it selects; otherwise an
# excluded model would exclude its tests.
VIEWS_STAY = ("--indirect-selection", "empty", "--exclude", "config.materialized:view")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a build: a fingerprint of `code`, and of the rows of each dbt source by name.

    `states` show for some sources whether they were touched since; `sql` is the part of the code
    that makes the rows of incremental models.
    """

    code: str
    rows: dict[str, str]
    states: dict[str, str] = field(default_factory=dict)
    sql: str = ""


def inputs(packages: Path) -> Inputs:
    """The inputs of a build now; tables that were not touched are not read again."""
    names = set(_sources()) - {REQUESTS}
    # before the rows, so that rows loaded meanwhile are noticed
    states = fingerprints.states(names)
    known = _recorded() or {}
    rows = {
        name: known["rows"][name]
        for name, state in states.items()
        if known.get("states", {}).get(name) == state and name in known["rows"]
    }
    rows |= fingerprints.of_tables(names - set(rows))
    rows |= {REQUESTS: fingerprints.requests()}
    return Inputs(_code(packages, set(rows)), rows, states, _sql())


def selection(now: Inputs) -> list[str] | None:
    """dbt selectors for what must be built, may be empty; None: everything."""
    known = _recorded()
    if known is None or known.get("code") != now.code or known["built"] != fingerprints.of_built():
        return None
    return [
        OF_REQUESTS if name == REQUESTS else f"source:{name}+"
        for name, rows in sorted(now.rows.items())
        if known["rows"].get(name) != rows
    ]


def has_same_columns(now: Inputs) -> bool:
    """Whether every raw table has the columns, and their types, of the last recorded build."""
    known = (_recorded() or {}).get("rows") or {}
    return all(
        fingerprints.columns_in(known.get(name)) == fingerprints.columns_in(rows)
        for name, rows in now.rows.items()
        if name != REQUESTS
    )


def must_refresh(now: Inputs) -> bool:
    """Whether incremental models may have rows that today's SQL would not make."""
    known = _recorded()
    return known is None or known.get("sql") != now.sql


def forget() -> None:
    """Called when a build begins: until it is recorded, the warehouse's contents are unknown.

    What remains known is the SQL that made the rows of incremental models, if it is today's.
    """
    known = _recorded()
    if known is not None:
        _write({"sql": known.get("sql")} if known.get("sql") == _sql() else {})


def record(done: Inputs, *, is_complete: bool = True) -> None:
    """Called when a build succeeds: record its inputs and what it left.

    If it is not complete, record only the SQL that made all its rows: the next build builds
    everything, and keeps the rows of incremental models.
    """
    _write({**vars(done), "built": fingerprints.of_built()} if is_complete else {"sql": done.sql})


def _write(known: dict[str, Any]) -> None:
    with transaction() as execute:
        execute("delete from ops.builds")
        execute(
            "insert into ops.builds (built_at, known) values (:built_at, :known)",
            {"built_at": clock.instant(), "known": json.dumps(known, sort_keys=True)},
        )


def _recorded() -> dict[str, Any] | None:
    rows = read("select known from builds", within="ops")
    return json.loads(rows[0]["known"]) if len(rows) == 1 else None


def _sources() -> Iterator[str]:
    """The tables that models read, by `schema.table`, as the YAML of the sources declares them."""
    for path in sorted((paths.root() / "transform").rglob("*__sources.yml")):
        declared = yaml_files.load(path.read_text(encoding="utf-8"))
        for source in declared["sources"]:
            for table in () if source["name"] == HISTORY else source.get("tables") or ():
                yield f"{source['name']}.{table['name']}"


def _code(packages: Path, known: set[str]) -> str:
    """Everything that a build depends on, except rows.

    Rows of spreadsheets are included: models look them up by name, and the graph has no edge from
    them to those models.
    """
    digest = hashlib.sha256(_sql().encode())
    _add(digest, _settings_files())
    _add(digest, sorted(path for path in packages.rglob("*") if path.is_file()))
    sheets = read(
        "select distinct 'google_sheets.' || table_name as name from control_totals"
        " where source = 'google_sheets'",
        within="ops",
    )
    words = {
        "settings": [settings.variable(name) for name in VARIABLES],
        "target": [settings.target(), settings.schema_prefix()],
        "today": str(clock.today()),
        "sheets": fingerprints.of_tables({row["name"] for row in sheets} - known),
    }
    digest.update(json.dumps(words, sort_keys=True).encode())
    return digest.hexdigest()


def _sql() -> str:
    """Models, macros, tests and dbt itself."""
    digest = hashlib.sha256(json.dumps([version(name) for name in PACKAGES]).encode())
    for pattern in ("*.sql", "*.yml"):
        _add(digest, sorted((paths.root() / "transform").rglob(pattern)))
    return digest.hexdigest()


def _settings_files() -> list[Path]:
    return [path for name in PROJECT if (path := paths.root() / name).exists()]


def _add(digest: Any, files: Iterable[Path]) -> None:
    for path in files:
        digest.update(f"{path.name}\n".encode())
        digest.update(path.read_bytes())
