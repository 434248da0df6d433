"""Heavy libraries are not imported early: commands start fast, the idle scheduler is small."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from signalroom.sources import declared
from signalroom.sources import names as names_of_sources
from tests.support.processes import BIN, ROOT, own_environment

# Not needed to look at the runs.
FURTHER = {"httpx", "sqlalchemy.dialects.postgresql", "scheduler.execution.run"}
HEAVY = {"dlt", "dbt", "pyarrow", "pandas", "matplotlib", "numpy", "temporalio"}
# At exit, prints which of the heavy libraries were imported, and how often garbage was collected.
WATCHED = """
import atexit, gc, sys
heavy = lambda: sorted(set(sys.modules) & %r)
collections = lambda: sum(generation["collections"] for generation in gc.get_stats())
from cli.main import main
before = collections()
atexit.register(lambda: print("collected", collections() - before, file=sys.stderr))
atexit.register(lambda: print("imported", *heavy(), file=sys.stderr))
sys.exit(main())
"""

# Python frees its objects at its end, which would print a line.
ENDED = """
import atexit, builtins, sys, threading, time
class Kept:
    def __del__(self):
        print("freed")
def work():
    time.sleep(0.3)
    print("the thread's last line")
builtins.kept = Kept()
atexit.register(print, "the exit function's line")
threading.Thread(target=work).start()
from cli.main import command
command()
"""


def started(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """A command that prints at its end which heavy libraries it imported."""
    return subprocess.Popen(
        [sys.executable, "-c", WATCHED % (HEAVY | FURTHER), *arguments],
        cwd=ROOT,
        env=own_environment({"SIGNALROOM_HOME": str(home), **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def imported(stderr: str, heavy: set[str] = HEAVY) -> list[str]:
    found = re.search(r"^imported(.*)$", stderr, re.M)
    assert found is not None, stderr
    return [name for name in found[1].split() if name in heavy]


@pytest.mark.parametrize(
    "command",
    ["--help", "status", "status --week", "schedule", "runs list", "doctor", "doctor --offline"],
)
def test_a_command_that_only_reads_imports_nothing_heavy(tmp_path: Path, command: str) -> None:
    with started(tmp_path, *command.split()) as process:
        _, stderr = process.communicate(timeout=60)
    assert process.returncode in (0, 1), stderr
    assert imported(stderr) == []


def test_status_imports_nothing_for_what_it_does_not_do(tmp_path: Path) -> None:
    """No HTTP client, no code that executes runs, and not the other engine's SQL."""
    for _ in ("makes the tables", "finds them"):
        with started(tmp_path, "status") as process:
            _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert imported(stderr, HEAVY | FURTHER) == []


@pytest.mark.parametrize(("command", "is_searched"), [("status", False), ("schedule", True)])
def test_what_status_imports_is_not_searched_for_garbage(
    tmp_path: Path, command: str, is_searched: bool
) -> None:
    with started(tmp_path, *command.split()) as process:
        _, stderr = process.communicate(timeout=60)
    found = re.search(r"^collected ([0-9]+)$", stderr, re.M)
    assert found is not None, stderr
    # a few at the end, after the command
    assert (int(found[1]) > 5) == is_searched


@pytest.mark.parametrize(("command", "code"), [("--version", 0), ("no-such-command", 2)])
def test_a_command_ends_with_all_its_output_and_frees_nothing(command: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDED, command],
        cwd=ROOT,
        env=own_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    lines = done.stdout.splitlines()
    assert "the thread's last line" in lines  # before the command's own where it starts slowly
    assert lines[-1] == "the exit function's line"
    assert (done.stderr if code else lines[0]).strip()


@pytest.mark.parametrize("stream", [1, 2])
def test_a_command_without_a_place_for_its_output_ends_well(stream: int) -> None:
    start = (
        f"exec {sys.executable} -c 'from cli.main import command; command()' --version {stream}>&-"
    )
    done = subprocess.run(
        ["bash", "-c", start],
        cwd=ROOT,
        env=own_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_doctor_offline_imports_nothing_heavy_with_every_source_set_up(tmp_path: Path) -> None:
    """Only requests to a vendor need its client."""
    names = {name for source in names_of_sources() for name in declared(source).VARIABLES}
    given = {name: "abc-0123456" for name in names if not name.endswith(("_URL", "_HOST"))}
    given |= {"GOOGLE_SHEETS_RANGES": "plans=abc!Tab!A1:Z", "EVERFLOW_CLICKS": "off"}
    given |= {"MAUTIC_BASE_URL": "https://mautic.example.org"}
    with started(tmp_path, "doctor", "--offline", **given) as process:
        stdout, stderr = process.communicate(timeout=60)
    assert "6 of 6 sources" in stdout, stderr
    assert imported(stderr) == []


def test_the_idle_scheduler_imports_nothing_heavy(tmp_path: Path) -> None:
    """It stays under 120 MB and starts children for the work; its page is requested too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with started(tmp_path, "scheduler", PORT=port) as process:
        give_up_at = time.monotonic() + 60
        health = None
        while health != 200 and time.monotonic() < give_up_at:
            time.sleep(0.2)
            try:
                health = httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code
            except httpx.TransportError:
                continue
        page = httpx.get(f"http://127.0.0.1:{port}/", timeout=20)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
    assert (health, page.status_code) == (200, 200)
    assert imported(stderr) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("status", "Reading what ran ..."),
        ("doctor --offline", "Checking files, settings and connections ..."),
        ("ingest everflow --dry-run", "Planning everflow ..."),
    ],
)
def test_a_terminal_says_what_goes_on_before_anything_slow_is_imported(
    tmp_path: Path, command: str, words: str
) -> None:
    ours, theirs = os.openpty()
    env = own_environment({"SIGNALROOM_HOME": str(tmp_path)})
    starter = [sys.executable, "-X", "importtime", str(BIN / "signalroom"), *command.split()]
    with subprocess.Popen(
        starter, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # this is how a terminal ends when its program is gone
            while part := os.read(ours, 65536):
                seen += part
        os.close(ours)
    said = seen.decode()
    assert process.returncode == 0, said[-500:]
    assert words in said
    before = said[: said.index(words)]
    assert not [name for name in ("sqlalchemy", "duckdb", "httpx") if f" {name}\r" in before]
    assert "\r\x1b[K" in said[said.index(words) :], "it goes when there is something to show"
