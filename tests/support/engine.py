"""The container engine: Docker if it runs, else podman with the images that image.sh built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx
import pytest

from sandbox import Agency
from scheduler.runs.ledger import OPEN_RUNS
from tests.support.processes import ROOT, own_environment

IMAGE = "localhost/signalroom:test"
TRIGGER_TOKEN = "image-trigger-token"
PATIENCE_S = 600.0


def has_docker() -> bool:
    return bool(shutil.which("docker")) and not unchecked(["docker", "info"]).returncode


def unchecked(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run an engine command without any of the user's settings; its exit code is not checked."""
    return subprocess.run(
        command, env=own_environment(), capture_output=True, text=True, check=False
    )


def checked(command: list[str]) -> str:
    """The output of the command; it must exit with 0."""
    done = unchecked(command)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def engine() -> list[str]:
    """The command of the container engine that built the images."""
    return ["docker"] if has_docker() else [*_podman_settings(), "podman"]


def composer() -> list[str]:
    """The command that reads a compose file."""
    if has_docker():
        return ["docker", "compose"]
    uv = [str(ROOT / ".tools" / "uv"), "run", "--quiet", "--frozen", "--isolated"]
    group = ["--project", str(ROOT), "--only-group", "compose"]
    return [*_podman_settings(), *uv, *group, "podman-compose"]


def _podman_settings() -> list[str]:
    return ["env", f"CONTAINERS_CONF={ROOT / 'tests' / 'house' / 'containers.conf'}"]


def build_images() -> None:
    """Build IMAGE from the repository's own Dockerfile; skips the test if there is no engine."""
    if not shutil.which("docker") and (os.geteuid() or not shutil.which("apt-get")):
        pytest.skip("neither Docker nor a Debian on which podman could be installed")
    checked([str(ROOT / "tests" / "house" / "image.sh"), IMAGE])


def reports_sent(agency: Agency) -> int:
    """How many messages of reports reached people; alerts may follow whenever they are due."""
    return sum(not message.text.startswith("Warning: ") for message in agency.messages)


@dataclass
class Scheduler(ABC):
    """The scheduler in a container, accessed through its port and its command line.

    A context manager, which removes it at the end.
    """

    address: str
    execute: list[str]
    """The engine's command that runs one in the container."""
    logs: list[str]

    @abstractmethod
    def start(self) -> None:
        """Start it; returns once it is healthy."""

    @abstractmethod
    def remove(self) -> None:
        """Remove it, running or not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def started(self) -> Self:
        """Started if necessary: tests run in any order, and one of them stops it."""
        if not self.is_healthy():
            self.start()
        return self

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def command(self, *arguments: str) -> str:
        """Run `signalroom ARGUMENTS` in the container."""
        return checked([*self.execute, "signalroom", *arguments])

    def trigger(self, job: str) -> str:
        """Trigger a job and return its run; a job starts at most once a minute."""
        answers: list[httpx.Response] = []
        token = {"Authorization": f"Bearer {TRIGGER_TOKEN}"}

        def is_taken() -> bool:
            answers.append(httpx.post(f"{self.address}/trigger/{job}", headers=token, timeout=30))
            return answers[-1].status_code != 429

        self.wait(is_taken)
        assert answers[-1].status_code == 202, answers[-1].text
        return str(answers[-1].json()["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.command("runs", "show", run_id, "--json"))
        return shown

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run, once it has ended."""
        self.wait(lambda: self.run(run_id)["status"] not in OPEN_RUNS)
        return self.run(run_id)

    def wait(self, reached: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while not reached():
            assert time.monotonic() < give_up_at, checked(self.logs)
            time.sleep(1)
