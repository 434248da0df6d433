"""The code's variables, .env.example, and the defaults must agree."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from reports.registry import reports
from signalroom.secrets import is_secret
from signalroom.settings import SECRETS, SHARED, declared
from tests.support.processes import ROOT

EXAMPLE = ROOT / ".env.example"
PACKAGES = ("cli", "ingest", "reports", "scheduler", "signalroom", "transform")
READERS = {"variable", "require", "getenv", "get", "pop", "env_var"}
# Set by SignalRoom for its own child processes, so not documented.
INTERNAL = {"SIGNALROOM_SANDBOX", "SIGNALROOM_RUN_ID", "SIGNALROOM_STEP", "PGAPPNAME"}
INTERNAL |= {"SIGNALROOM_BUILD_AT", "SIGNALROOM_CLIENT_PACKAGES", "SIGNALROOM_RUN_OWNER"}
INTERNAL |= {"SIGNALROOM_STEP_TRY", "PYTHON_DOTENV_DISABLED"}
# Variables of a source or report are read as soon as it exists.
SOURCES = {"POSTHOG_": "posthog", "MAUTIC_": "mautic", "GOOGLE_SHEETS_": "google_sheets"}
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|PORT")
QUOTED = re.compile(r"""["']([A-Z][A-Z0-9_]+)["']""")


def documented() -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(EXAMPLE).items()}


def python_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def names_read(path: Path) -> Iterator[str]:
    """Names that a module reads by a call such as `require("NAME")` or `environ["NAME"]`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        argument: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            argument = node.args[0] if name in READERS else None
        elif isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
            argument = node.slice
        value = argument.value if isinstance(argument, ast.Constant) else None
        if isinstance(value, str) and NAME.fullmatch(value):
            yield value


def names_read_by_dbt() -> set[str]:
    files = [ROOT / "profiles.yml", ROOT / "dbt_project.yml", *(ROOT / "transform").rglob("*.sql")]
    found: set[str] = set()
    for path in files:
        found |= set(re.findall(r"env_var\('([A-Z0-9_]+)'", path.read_text(encoding="utf-8")))
    return found


def test_every_variable_that_is_read_is_documented() -> None:
    read = {name for path in python_files() for name in names_read(path)} | names_read_by_dbt()
    assert read >= {"SIGNALROOM_TARGET", "EVERFLOW_API_KEY", "SUPABASE_DB_HOST"}
    assert sorted(read - set(documented()) - INTERNAL) == []


def test_every_documented_variable_is_read() -> None:
    texts = [path.read_text(encoding="utf-8") for path in python_files()]
    mentioned = set(QUOTED.findall("\n".join(texts))) | names_read_by_dbt()
    later = tuple(
        prefix
        for prefix, source in SOURCES.items()
        if not (ROOT / "ingest" / "sources" / source / "__init__.py").exists()
    )
    if "alert" not in reports():
        later += ("SLACK_ALERT_",)
    unread = [name for name in documented() if name not in mentioned]
    assert [name for name in unread if not name.startswith(later)] == []


def test_every_secret_and_every_identity_is_documented() -> None:
    assert sorted((set(SECRETS) | SHARED | set(declared())) - set(documented())) == []


def test_a_copied_example_changes_no_default() -> None:
    config = tomllib.loads((ROOT / ".dlt" / "config.toml").read_text(encoding="utf-8"))
    defaults: dict[str, str] = config["signalroom"]["defaults"]
    assert {name: documented()[name] for name in defaults} == defaults


def test_no_secret_has_a_value_in_the_example() -> None:
    assert [name for name in documented() if is_secret(name) and documented()[name]] == []


def test_a_default_that_a_source_declares_is_the_examples() -> None:
    found = {name: about["default"] for name, about in declared().items() if "default" in about}
    assert found
    assert {name: documented()[name] for name in found} == found


def test_every_variable_has_a_comment_of_one_line() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line and not line.startswith("#"):
            assert re.match(r"# \S.*[.)]?$", before), f"{line} says nothing of itself"


def test_a_persons_env_file_is_not_committed() -> None:
    private = [".env", ".dlt/secrets.toml", ".signalroom/warehouse.duckdb", ".tools/uv"]
    ignored = subprocess.run(
        ["git", "check-ignore", *private], cwd=ROOT, capture_output=True, text=True
    )
    assert ignored.stdout.split() == private
