"""Interleaved rounds, medians, the table of `make bench` and its history."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from tests.support.postgres import PostgresServer
from tests.support.processes import ROOT, own_environment

HISTORY = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "target" / "bench.json"
MARK = "<!-- make bench adds below, newest first -->"


@dataclass
class Result:
    """One row of the table; seconds are medians, memory is the peak of the whole process."""

    number: str
    work: str
    reference: str
    goal: str
    seconds: float = 0.0
    reference_seconds: float = 0.0
    memory_mb: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The work's time as a multiple of the reference's."""
        return self.seconds / self.reference_seconds if self.reference_seconds else None

    def cells(self) -> list[str]:
        """The row's cells as text."""
        return [
            self.number,
            self.work,
            f"{self.seconds:.2f} s" if self.seconds else "",
            f"{self.reference}: {self.reference_seconds:.2f} s" if self.reference_seconds else "",
            f"{self.ratio:.2f}" if self.ratio else "",
            f"{self.memory_mb:.0f} MB" if self.memory_mb else "",
            self.goal,
            self.note,
        ]


HEADINGS = ["#", "work", "median", "reference", "ratio", "peak memory", "goal", "note"]


@dataclass(frozen=True)
class Setup:
    """The input of a measurement: a server, the fraction of the goals' rows, chosen numbers."""

    server: PostgresServer
    scale: float
    rounds: int
    wanted: frozenset[str]


@dataclass(frozen=True)
class Part:
    """Rows of the table that are measured together."""

    rows: frozenset[str]
    measure: Callable[[Setup], list[Result]]


@dataclass
class Process:
    """A whole process: its duration, its output, its peak memory."""

    seconds: float
    output: str
    memory_mb: float


@dataclass
class Rounds:
    """Named measurements, repeated in turn, so that a noisy minute affects all of them equally."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def run(self, rounds: int, **work: Callable[[], float]) -> None:
        """Run the rounds; each function returns the seconds of what it measured."""
        for number in range(rounds):
            for name, measured in work.items():
                took = measured()
                self.seconds.setdefault(name, []).append(took)
                say(f"  round {number + 1}: {name} {took:.2f} s")

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])


# A child's peak memory begins with its parent's, and this process holds the files of an S3 server:
# so a small process starts the command, and measures it.
LAUNCH = """
import os, sys, time
began = time.monotonic()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - began
os.write(int(sys.argv[1]), f"{seconds} {usage.ru_maxrss}".encode())
sys.exit(os.waitstatus_to_exitcode(status))
"""


def process(command: list[str], env: Mapping[str, str], cwd: Path = ROOT) -> Process:
    """Run a command to its end; raises RuntimeError if it fails."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as measured:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", LAUNCH, str(writing), *command],
                cwd=cwd,
                env=own_environment(env),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
                check=False,
            )
        finally:
            os.close(writing)
        output = done.stdout.decode(errors="replace")
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{output[-2000:]}")
        seconds, memory = measured.read().split()
    return Process(float(seconds), output, int(memory) / 1024)


# Measures only the command, in a process that has already imported what it needs.
WARM = """
import sys, time
import duckdb, dlt, psycopg2, pyarrow, pyarrow.csv, s3fs, sqlalchemy
import cli.ingest, ingest.pull, ingest.sources.s3_exports, scheduler.steps.ingest
import ingest.sources.everflow, ingest.sources.mautic
from cli.main import main
sys.argv = ["signalroom", *sys.argv[1:]]
began = time.monotonic()
try:
    code = main()
except SystemExit as error:
    code = error.code
print(f"\\nseconds={time.monotonic() - began:.3f}")
sys.exit(code)
"""


def warm(arguments: list[str], env: Mapping[str, str]) -> Process:
    """Run `signalroom ARGUMENTS`; its output ends with the seconds without imports."""
    return process([sys.executable, "-c", WARM, *arguments], env)


def table(results: list[Result]) -> str:
    """The results as a Markdown table."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(result.cells() for result in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def keep(results: list[Result], scale: float, rounds: int, day: date) -> None:
    """Write target/bench.json, and add the table to docs/benchmarks.md."""
    rows = [asdict(result) | {"ratio": result.ratio} for result in results]
    RESULTS.parent.mkdir(exist_ok=True)
    content = {"day": str(day), "scale": scale, "rounds": rounds, "results": rows}
    RESULTS.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    commit = process(["git", "rev-parse", "--short", "HEAD"], {}).output.strip()
    load = os.getloadavg()[2]
    title = (
        f"### {day}, commit {commit}: {os.cpu_count()} cores, load {load:.1f}, scale {scale:g},"
        f" {rounds} rounds"
    )
    before = HISTORY.read_text(encoding="utf-8")
    entry = f"{MARK}\n\n{title}\n\n{table(results)}\n"
    HISTORY.write_text(before.replace(MARK, entry, 1), encoding="utf-8")


def number(output: str, label: str) -> float:
    """A number that a measured script printed as `label=...`."""
    found = re.search(rf"^{label}=([0-9.]+)$", output, re.M)
    if found is None:
        raise RuntimeError(f"no {label} in:\n{output[-2000:]}")
    return float(found[1])


def say(text: str) -> None:
    """Print progress to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
