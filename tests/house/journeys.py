"""Measures how many files four journeys go through: an Everflow day, an S3 file, a job, a report.

    python tests/house/journeys.py [PROJECT [JOURNEY ...]]   # another checkout: its .venv's Python

Each runs for real against the simulated agency under `sys.setprofile` and `threading.setprofile`.
It prints the files of ingest/, scheduler/ and reports/ in the order of first entry, and how few
full files could hold their lines. It also prints the *returns*: calls of a function in an earlier
file after another file was entered at the same or an outer depth. Repeated calls from one line of
code are a loop and count once; resuming a generator is not a call; code that runs on import is not
part of a journey.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from urllib.request import urlopen

HERE = Path(__file__).resolve()
LAYERS = ("ingest", "scheduler", "reports")
SERVERS = ("web", "uvicorn", "sandbox")
PATIENCE_S = 240
LIMIT = 400  # lines of a file, as in test_files.py
MARK = "=== journey"


@dataclass
class Recorder:
    """Records what was entered, in order; recording starts in the file that `begins` names."""

    root: Path
    begins: str
    layers: tuple[str, ...]
    files: list[str] = field(default_factory=list)
    returns: list[str] = field(default_factory=list)
    is_over: bool = False
    _fresh: dict[CodeType, int] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)
    _calls: list[tuple[str, int]] = field(default_factory=list)
    _sites: set[tuple[CodeType | None, int, str]] = field(default_factory=set)
    _names: dict[str, str | None] = field(default_factory=dict)

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or self.is_over:
            return
        code = frame.f_code
        name = self._name(code.co_filename)
        if name is None or code.co_name.startswith("<"):
            return
        if frame.f_lasti != self._fresh.setdefault(code, frame.f_lasti):
            return  # a resumed generator
        if threading.current_thread().name.lower().startswith(SERVERS):
            return
        above = _stack(frame.f_back)
        if any(
            one.f_code.co_name == "<module>" and self._name(one.f_code.co_filename) for one in above
        ):
            return  # on import
        if not self.files and not name.startswith(self.begins):
            return
        depth = sum(1 for one in above if self._name(one.f_code.co_filename))
        self._enter(name, depth, frame)

    def _enter(self, name: str, depth: int, frame: FrameType) -> None:
        caller = next(
            (one for one in _stack(frame.f_back) if self._name(one.f_code.co_filename)), None
        )
        site = (caller.f_code if caller else None, caller.f_lineno if caller else 0, name)
        before = self._last.get(name)
        if before is None:
            self.files.append(name)
        elif site not in self._sites and any(
            other != name and its_depth <= depth for other, its_depth in self._calls[before + 1 :]
        ):
            where = (
                f"{self._name(caller.f_code.co_filename)}:{caller.f_lineno}"
                if caller
                else "a library"
            )
            self.returns.append(f"{name} {frame.f_code.co_name}() from {where}")
        self._sites.add(site)
        self._last[name] = len(self._calls)
        self._calls.append((name, depth))

    def _name(self, file: str) -> str | None:
        if file not in self._names:
            name = None
            with suppress(ValueError):
                found = Path(file).relative_to(self.root)
                is_ours = found.parts[0] in self.layers and found.suffix == ".py"
                name = str(found) if is_ours else None
            self._names[file] = name
        return self._names[file]


def _stack(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def recorded(recorder: Recorder | _AfterTick, *arguments: str) -> None:
    """Run one command of the product in this process, recorded."""
    from cli.main import main

    sys.argv = ["signalroom", *arguments]
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        with suppress(SystemExit):
            main()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def job(recorder: Recorder) -> None:
    """Run the scheduler from its tick to the start of the first child."""

    def seen(event: str, _: Any) -> None:
        if event == "subprocess.Popen" and recorder.files and not recorder.is_over:
            recorder.is_over = True
            os.kill(os.getpid(), signal.SIGTERM)

    sys.addaudithook(seen)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        os.environ["PORT"] = str(free.getsockname()[1])
    overdue = threading.Timer(PATIENCE_S, os.kill, (os.getpid(), signal.SIGTERM))
    overdue.daemon = True
    overdue.start()
    recorded(_AfterTick(recorder), "scheduler")


@dataclass
class _AfterTick:
    """Records from the first tick on: everything before it is startup."""

    recorder: Recorder
    has_ticked: bool = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        self.has_ticked = self.has_ticked or frame.f_code.co_name in ("tick", "_tick")
        if self.has_ticked:
            self.recorder(frame, event, argument)


def show(title: str, recorder: Recorder) -> None:
    """Print one journey."""
    print(MARK)  # noqa: T201
    lines = sum(
        len((recorder.root / name).read_text(encoding="utf-8").splitlines())
        for name in recorder.files
    )
    print(  # noqa: T201
        f"{title}: {len(recorder.files)} files of {lines:,} lines (full ones would be "
        f"{-(-lines // LIMIT)}), {len(recorder.returns)} returns"
    )
    for name in recorder.files:
        print(f"  {name}")  # noqa: T201
    for line in recorder.returns:
        print(f"  return: {line}")  # noqa: T201


def known_since(environment: dict[str, str], root: Path) -> None:
    """Run the scheduler for a moment, so that it records since when its jobs exist."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [str(root / ".venv" / "bin" / "signalroom"), "scheduler"]
    with subprocess.Popen(
        command, env={**environment, "PORT": port}, stderr=subprocess.DEVNULL
    ) as one:
        for _ in range(PATIENCE_S * 2):
            time.sleep(0.5)
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                break  # 200: it has ticked
        one.send_signal(signal.SIGTERM)


JOURNEYS = ("everflow", "s3", "job", "report")


def one(journey: str, root: Path) -> None:
    """Run one journey in this process; the environment sets the agency and warehouse."""
    if journey == "everflow":
        recorder = Recorder(root, "ingest/sources/everflow", ("ingest",))
        day = ["--start", "2026-11-17", "--end", "2026-11-17"]
        recorded(
            recorder, "ingest", "everflow", "--client", "713", "--resource", "daily_stats", *day
        )
        show("An Everflow day", recorder)
    elif journey == "s3":
        recorder = Recorder(root, "ingest/sources/s3_exports", ("ingest",))
        recorded(recorder, "ingest", "s3_exports", "--client", "713")
        show("An S3 file", recorder)
    elif journey == "job":
        recorder = Recorder(root, "scheduler", LAYERS)
        job(recorder)
        show("A job", recorder)
    else:
        recorder = Recorder(root, "reports", ("reports",))
        recorded(recorder, "report", "daily_ccw", "--client", "713", "--channel", "slack", "--send")
        show("A report", recorder)


def main() -> None:
    """Run all journeys, each on the same warehouse of one simulated agency."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parents[2]).resolve()
    sys.path[0] = str(root)  # replaces this folder, whose modules must not be imported
    os.chdir(root)
    if len(sys.argv) > 2 and sys.argv[2] in JOURNEYS and "SIGNALROOM_HOME" in os.environ:
        one(sys.argv[2], root)
        return
    from sandbox import Agency

    python = str(root / ".venv" / "bin" / "python")
    with tempfile.TemporaryDirectory() as home, Agency(history_days=5) as agency:
        environment = {
            **os.environ,
            **agency.environment(),
            "SIGNALROOM_HOME": home,
            "SIGNALROOM_SANDBOX": "1",
            "SIGNALROOM_HASH_SALT": "journeys",
            "PYTHON_DOTENV_DISABLED": "1",
        }
        for journey in sys.argv[2:] or JOURNEYS:
            if journey == "job":  # only what came due after the schedule was first recorded is run
                known_since(environment, root)
                moment = datetime.fromisoformat(environment["SIGNALROOM_NOW"]) + timedelta(hours=2)
                environment["SIGNALROOM_NOW"] = moment.isoformat()
            if journey == "report":  # it reads marts: the main job runs once first
                command = [str(root / ".venv" / "bin" / "signalroom"), "run"]
                subprocess.run(command, env=environment, check=False, capture_output=True)
            done = subprocess.run(
                [python, str(HERE), str(root), journey],
                env=environment, check=False, capture_output=True, text=True,
            )  # fmt: skip
            shown = done.stdout.rpartition(MARK)[2] or done.stderr[-2000:]
            print(shown, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
