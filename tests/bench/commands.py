"""Rows 12, 13, 15 and 17: idle scheduler, startup of commands, image, fresh clone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from sandbox import Agency
from tests.bench.measure import Part, Result, Rounds, Setup, process, say
from tests.support.processes import BIN, ROOT, own_environment

IDLE_S = 30.0
TICKS = os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def idle(setup: Setup) -> list[Result]:
    """Row 12."""
    say(f"idle scheduler, {IDLE_S:.0f} s")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as home:
        env = own_environment({"SIGNALROOM_HOME": home, "PORT": str(port)})
        quiet = subprocess.DEVNULL
        command = [str(BIN / "signalroom"), "scheduler"]
        with subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet) as running:
            for _ in range(300):
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.2)
            before = _cpu_s(running.pid)
            time.sleep(IDLE_S)
            share = (_cpu_s(running.pid) - before) / IDLE_S * 100
            memory = _memory_mb(running.pid)
            running.send_signal(signal.SIGTERM)
    note = f"{share:.2f} % of a core"
    return [Result("12", "scheduler, idle", "", "<= 120 MB, 0.5 %", memory_mb=memory, note=note)]


def starts(setup: Setup) -> list[Result]:
    """Row 13, on data of the simulated agency, and the duration of its two runs."""
    say("starts of commands")
    measured = Rounds()
    with TemporaryDirectory() as home, Agency(history_days=30) as agency:
        env = {
            **agency.environment(),
            "SIGNALROOM_HOME": home,
            "SIGNALROOM_SANDBOX": "1",
            "SIGNALROOM_HASH_SALT": "bench",
        }
        signalroom = str(BIN / "signalroom")
        first = process([signalroom, "run"], env).seconds
        again = process([signalroom, "run"], env).seconds
        report = [signalroom, "report", "daily_ccw", "--client", "713"]
        measured.run(
            max(setup.rounds, 3) + 2,
            bare=lambda: process([sys.executable, "-c", "pass"], env).seconds,
            help=lambda: process([signalroom, "--help"], env).seconds,
            status=lambda: process([signalroom, "status"], env).seconds,
            report=lambda: process(report, env).seconds,
        )
    bare = measured.median("bare")
    return [
        *(
            Result(
                "13",
                f"`signalroom {words}`",
                "python -c pass",
                goal,
                measured.median(name),
                bare,
                note=f"+{measured.median(name) - bare:.2f} s",
            )
            for name, words, goal in (
                ("help", "--help", "+0.2 s"),
                ("status", "status", "+0.6 s"),
                ("report", "report", "+1.5 s"),
            )
        ),
        Result("13", "first `signalroom run`, 30 days", "", "", first),
        Result("13", "second `signalroom run`", "", "<= 10 s", again),
    ]


def image(setup: Setup) -> list[Result]:
    """Row 15, if `make image-test` left an image."""
    names = ["localhost/signalroom:test", "docker.io/library/python:3.11-slim-bookworm"]
    for engine in filter(shutil.which, ("docker", "podman")):
        command = [engine, "image", "inspect", "--format", "{{.Size}}", *names]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            whole, base = (int(size) / 1e6 for size in done.stdout.split())
            note = f"{whole:.0f} MB, base {base:.0f} MB"
            size = whole - base
            return [
                Result("15", "image above its base", "", "<= 600 MB", memory_mb=size, note=note)
            ]
    return [Result("15", "container image", "", "<= 600 MB", note="make image-test first")]


def clone(setup: Setup) -> list[Result]:
    """Row 17."""
    say("make run in a fresh clone")
    with TemporaryDirectory() as folder:
        there = Path(folder) / "signalroom"
        process(["git", "clone", "-q", str(ROOT), str(there)], {})
        began = time.monotonic()
        with subprocess.Popen(
            ["make", "run"],
            cwd=there,
            env=own_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as running:
            assert running.stdout is not None
            running.stdout.read(1)
            words = time.monotonic() - began
            running.stdout.read()
        whole = time.monotonic() - began
    return [
        Result(
            "17",
            "`make run` in a fresh clone",
            "",
            "<= 45 s, words < 1 s",
            whole,
            note=f"first words after {words:.2f} s; exit {running.returncode}",
        )
    ]


PARTS = (
    Part(frozenset({"13"}), starts),
    Part(frozenset({"12"}), idle),
    Part(frozenset({"15"}), image),
    Part(frozenset({"17"}), clone),
)
