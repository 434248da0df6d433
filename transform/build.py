"""Runs dbt as a child process, under the warehouse's lock, and reads what it reports."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signalroom import child_process, paths, secrets, settings
from signalroom.errors import TransformError
from signalroom.lock import hold
from signalroom.logs import mask
from signalroom.progress import Silent, Step
from signalroom.warehouse import duckdb_connection

DATA_ONLY = ("--exclude-resource-type", "unit_test")
RESULTS = frozenset({"LogModelResult", "LogTestResult", "LogSeedResult", "LogNodeNoOpResult"})


@dataclass
class BuildResult:
    """What a build did: models built, tests passed, warnings and failures in one line each."""

    models: int = 0
    tests: int = 0
    skipped: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def build(arguments: Sequence[str] = (), step: Step | None = None) -> BuildResult:
    """`dbt build` with further dbt arguments; the marts keep what they had where a test fails.

    Without arguments unit tests are left out: they are about the SQL, which no new data changes,
    and take as long as all the rest. Plain `dbt build` and `make test` run them.

    Raises TransformError when dbt cannot even start its work, WarehouseError when another process
    writes to the warehouse. Failed models and tests are in the result.
    """
    with hold("dbt build"):
        if settings.target() == "postgres":
            settings.report_role()  # refused before it is given the marts
        else:
            with duckdb_connection(read_only=False):
                pass  # who has the file open is named here; dbt would try again for minutes
        install_packages()
        return _run(["build", *(arguments or DATA_ONLY)], step or Silent())


def install_packages() -> None:
    """`dbt deps`, where the client packages are not linked yet or the links went stale."""
    linked = paths.root() / "dbt_packages"
    listed = paths.root() / "packages.yml"
    names = [
        f"client_{line.rsplit('/', 1)[1].strip()}"
        for line in listed.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("- local:")
    ]
    if all((linked / name / "dbt_project.yml").exists() for name in names):
        return
    done = subprocess.run(
        [_dbt(), "--log-format", "text", "deps", "--log-path", str(_folder("logs"))],
        cwd=paths.root(),
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TransformError(f"dbt deps failed: {_last_line(done.stdout)}")


def _run(arguments: Sequence[str], step: Step) -> BuildResult:
    started = time.monotonic()
    result = BuildResult()
    command = [_dbt(), "--log-format", "json", *arguments]
    folders = ["--target-path", str(_folder("target")), "--log-path", str(_folder("logs"))]
    with subprocess.Popen(
        child_process.ending_with_this_process([*command, *folders]),
        cwd=paths.root(),
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        last_error = ""
        for event in _events(process):
            last_error = _take(event, result, step) or last_error
    result.seconds = time.monotonic() - started
    if process.returncode and not result.failures:
        raise TransformError(f"dbt {arguments[0]} failed: {last_error or 'it gave no reason'}")
    return result


def _events(process: subprocess.Popen[str]) -> Iterator[Mapping[str, Any]]:
    for line in process.stdout or ():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # a warning of some library, not an event


def _take(event: Mapping[str, Any], result: BuildResult, step: Step) -> str:
    """Count one event in; returns its text when it is an error."""
    info, data = event["info"], event["data"]
    if info["name"] == "LogStartLine":
        step.say(data["description"].removeprefix("sql "))
    elif info["name"] in RESULTS:
        if "total" in data:  # exposures, which dbt passes over, have none
            step.advance(data["index"], data["total"])
        _count(data, result)
    elif info["name"] == "RunResultError":
        if data["msg"].startswith("Got ") and result.failures:
            result.failures[-1] += f": {data['msg'].split(',')[0].removeprefix('Got ')}"
        else:
            result.failures.append(_one_line(data["msg"]))
    elif info["name"] == "RunResultFailure" and data["resource_type"] != "model":
        result.failures.append(f"dbt test {data['node_name']} ({data['path']}) fails")
    elif info["name"] == "RunResultWarning":
        result.warnings.append(f"dbt test {data['node_name']} ({data['path']}) warns")
    if info["level"] == "error" and info["name"] != "MainStackTrace":
        return _one_line(info["msg"].removeprefix("Encountered an error:"))
    return ""


def _count(data: Mapping[str, Any], result: BuildResult) -> None:
    node = data["node_info"]
    status = str(data.get("status", "")).lower()
    if status == "skipped":
        result.skipped += 1
    elif node["resource_type"] == "model" and not status.startswith("error"):
        result.models += 1
    elif node["resource_type"] in ("test", "unit_test") and status == "pass":
        result.tests += 1


def _one_line(text: str) -> str:
    return mask(" ".join(text.split()))[:300]


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return _one_line(lines[-1]) if lines else "it gave no reason"


def _dbt() -> str:
    return str(Path(sys.executable).parent / "dbt")


def _folder(name: str) -> Path:
    """dbt's own folders for builds of the product, apart from an analyst's `target/`."""
    path = paths.home() / "dbt" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def _environment() -> dict[str, str]:
    """The environment for dbt: the database's password and no other secret, no DBT_* of a shell.

    Defaults that profiles.yml does not know are spelled out.
    """
    names = (
        "SUPABASE_DB_PORT",
        "SUPABASE_DB_NAME",
        "SIGNALROOM_TIMEZONE",
        "SIGNALROOM_REPORT_ROLE",
    )
    known = {name: settings.variable(name) for name in names}
    ours = secrets.environment({"SUPABASE_DB_PASSWORD"})
    return {
        **{name: value for name, value in ours.items() if not name.startswith("DBT_")},
        **{name: value for name, value in known.items() if value},
        "SIGNALROOM_TARGET": settings.target(),
        "SIGNALROOM_HOME": str(paths.home()),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
    }
