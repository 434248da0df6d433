"""Runs the real dbt as its users do, and parses its results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from tests.support import parsed
from tests.support.offline.warm_order import obeyed
from tests.support.processes import TIMEOUT_S, own_environment
from tests.support.warm import warm

# Unit tests read no tables, so running them once per engine is enough (test_marts).
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")

# Once views are built, they do not depend on the rows they read.
WITHOUT_VIEWS = ("--exclude", "config.materialized:view")

# Without dbt's own log file, which nothing here reads.
QUIET = ("--no-use-colors", "--log-level-file", "none")

# Several commands in one process: dbt is imported and the project read only once, and manifest.json
# is not written twice by each command (tests/support/warm.py).
SESSION = """
import json, sys
from dbt.cli.main import dbtRunner
from dbt.parser import manifest
from dbt.task import runnable

manifest.write_manifest = runnable.write_manifest = lambda *_: None
runner = dbtRunner()
for line in sys.stdin:
    result = runner.invoke(json.loads(line))
    bad = [one.message for one in result.result or () if one.status in ("error", "fail")]
    reason = "" if result.success else " ".join(str(result.exception or bad).split())
    print("ended", reason, flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """The result of a command; `statuses` by the name of the model, test or source."""

    exit_code: int
    output: str
    statuses: dict[str, str]

    def names(self, *statuses: str) -> set[str]:
        """The nodes with this status."""
        return {name for name, status in self.statuses.items() if status in statuses}


def _ended(
    folder: Path, environment: Mapping[str, str], arguments: Sequence[str]
) -> tuple[int, str]:
    """The exit code of a dbt command, and all of its output."""
    with TemporaryFile("w+", encoding="utf-8") as said, Path(os.devnull).open() as nothing:
        files = (nothing.fileno(), said.fileno(), said.fileno())
        command = [*QUIET, *arguments]
        try:
            code = obeyed(warm("dbt"), "dbt", command, str(folder), environment, files, TIMEOUT_S)
        except TimeoutError:
            raise AssertionError(f"dbt did not end: {said.read()[-2000:]}") from None
        said.seek(0)
        return code, said.read()


@dataclass(frozen=True)
class Dbt:
    """dbt in a project folder, on the warehouse that the environment selects."""

    project: Path
    environment: Mapping[str, str]
    folder: Path | None = None

    @property
    def target_path(self) -> Path:
        """Where dbt writes its artifacts; a folder per engine keeps each one's partial parsing."""
        within = self.folder or self.project / "target"
        return within / self.environment.get("SIGNALROOM_TARGET", "duckdb")

    def run(self, *arguments: str) -> Outcome:
        """Run one dbt command to its end, whatever the result."""
        for name in ("run_results.json", "sources.json"):
            (self.target_path / name).unlink(missing_ok=True)
        parsed.lay_out(self.project, self.target_path, self.environment)
        exit_code, said = _ended(self.project, self._environment(), arguments)
        parsed.keep(self.project, self.target_path, self.environment)
        if "SIGNALROOM_HOME" in self.environment:
            assert parsed.REFUSED not in said, "tests/support/parsed.py is out of date"
        return Outcome(exit_code, said, self._statuses())

    def succeeds(self, *arguments: str) -> Outcome:
        """Run one dbt command that must succeed."""
        outcome = self.run(*arguments)
        assert outcome.exit_code == 0, outcome.output
        return outcome

    @contextmanager
    def session(self) -> Iterator[Callable[..., str]]:
        """Run commands in one dbt process; each call returns what failed, or an empty string."""
        parsed.lay_out(self.project, self.target_path, self.environment)
        with subprocess.Popen(
            [sys.executable, "-u", "-c", SESSION],
            cwd=self.project,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            said = process.stdout

            def command(*arguments: str) -> str:
                print(json.dumps([*QUIET, *arguments]), file=process.stdin, flush=True)
                for line in said:
                    if line.startswith("ended "):
                        return line.removeprefix("ended ").strip()
                raise AssertionError("dbt went away")

            yield command
            process.stdin.close()
        parsed.keep(self.project, self.target_path, self.environment)

    def compiled(self, test: str) -> str:
        """The SQL of a test as last compiled by dbt."""
        [path] = self.target_path.glob(f"compiled/**/{test}.sql")
        return path.read_text(encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        return own_environment(
            {
                **self.environment,
                "DBT_TARGET_PATH": str(self.target_path),
                "DBT_LOG_PATH": str(self.target_path / "logs"),
            }
        )

    def _statuses(self) -> dict[str, str]:
        statuses = {}
        for name in ("run_results.json", "sources.json"):
            path = self.target_path / name
            if path.exists():
                for result in json.loads(path.read_text(encoding="utf-8"))["results"]:
                    statuses[_name(result["unique_id"])] = result["status"]
        return statuses


def _name(unique_id: str) -> str:
    kind, _, *parts = unique_id.split(".")
    # a source is identified by its table, a generic test's name is followed by a hash
    return ".".join(parts) if kind == "source" else parts[0] if kind == "test" else parts[-1]
