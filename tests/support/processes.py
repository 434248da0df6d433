"""Runs commands as a user would: child processes with a separate, clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from tests.support import held, parsed
from tests.support.offline.warm_order import obeyed
from tests.support.warm import VARIABLE, warm

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
OFFLINE = Path(__file__).parent / "offline"
TIMEOUT_S = 280.0
BUILDS = ("run", "build")  # commands that start dbt
FAMILIES = (
    "SIGNALROOM_",
    "SUPABASE_",
    "AWS_",
    "S3_",
    "EVERFLOW_",
    "REDTRACK_",
    "POSTHOG_",
    "MAUTIC_",
    "GOOGLE_SHEETS_",
    "SLACK_",
    "RESEND_",
    "TWILIO_",
    "ALERT_",
    "HEARTBEAT_",
    "OTEL_",
    "TEMPORAL_",
    "DBT_",
    "PG",
    # The variables of `make test-file FILE=...` would make another make do the same again.
    "MAKE",
)
HANDED_DOWN = {"PORT", "DLT_DATA_DIR", "MFLAGS", "FILE", "ARGS", "WORKERS"}
# If set, each of the hundreds of commands would compile everything that it imports.
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def is_ours(name: str) -> bool:
    """Whether a variable could affect SignalRoom, dbt, dlt or libpq."""
    return name.startswith(FAMILIES) or name in {*HANDED_DOWN, NO_BYTECODE} or "__" in name


def own_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any of the user's settings, plus `extra`.

    The repository's `.env` is not read, and Python processes stay on loopback.
    """
    clean = {name: value for name, value in os.environ.items() if not is_ours(name)}
    clean |= {
        "PATH": f"{BIN}{os.pathsep}{clean.get('PATH', os.defpath)}",
        "PYTHONPATH": str(OFFLINE),
        "PYTHON_DOTENV_DISABLED": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "NO_COLOR": "1",
    }
    return clean | dict(extra or {})


def run(
    command: list[str], env: Mapping[str, str], timeout: float = TIMEOUT_S
) -> subprocess.CompletedProcess[str]:
    """Run a command from the repository's root; captures the output, ignores the exit code."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=own_environment(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )


@dataclass
class Taken:
    """Processor time of child processes; elapsed time would include waiting on a busy machine."""

    seconds: float = 0.0


_measured: list[Taken] = []


@contextmanager
def processor_time() -> Iterator[Taken]:
    """Count the processor time of the child processes that end inside the block."""
    taken, begun = Taken(), os.times()
    _measured.append(taken)
    try:
        yield taken
    finally:
        _measured.remove(taken)
    ended = os.times()
    taken.seconds = ended.children_user + ended.children_system
    taken.seconds -= begun.children_user + begun.children_system


def signalroom_cli(*args: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `signalroom ARGS` from the virtual environment that runs the tests.

    It is forked from a process that has the libraries imported, unless its time is measured.
    """
    builds = args[0] in BUILDS
    if builds:
        parsed.before_product(env)
    done = run([str(BIN / "signalroom"), *args], env) if _measured else run_warm(args, env)
    if builds:
        parsed.after_product(env)
    return done


def run_warm(
    arguments: Sequence[str], env: Mapping[str, str], folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run `signalroom ARGS` of the repository in the folder, with libraries and dbt preloaded."""
    held.release()
    imported = {VARIABLE: warm("dbt")} if arguments[0] in BUILDS else {}
    environment = own_environment({**env, **imported})
    with (
        Path(os.devnull).open() as nothing,
        TemporaryFile("w+", encoding="utf-8") as stdout,
        TemporaryFile("w+", encoding="utf-8") as stderr,
    ):
        files = (nothing.fileno(), stdout.fileno(), stderr.fileno())
        code = obeyed(
            warm("libraries"), "signalroom", arguments, str(folder), environment, files, TIMEOUT_S
        )
        stdout.seek(0)
        stderr.seek(0)
        said = (stdout.read(), stderr.read())
    return subprocess.CompletedProcess(["signalroom", *arguments], code, *said)
