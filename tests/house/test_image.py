"""What only a built image shows: a file it lacks, a folder it may not write, a signal not taken.

Needs Docker, or Debian as root: image.sh then builds with buildah on a stand-in for the base image.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import Agency
from tests.support.container import compose
from tests.support.postgres import PostgresServer, free_port
from tests.support.processes import ROOT
from tests.support.warehouse import empty_warehouse

pytestmark = [pytest.mark.deep, pytest.mark.slow, pytest.mark.timeout(1800)]

IMAGE = "localhost/signalroom:test"
TOKEN = {"Authorization": "Bearer image-trigger-token"}
PATIENCE_S = 600.0


def engine() -> list[str]:
    """The command of the container engine that image.sh built with."""
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "info"], capture_output=True).returncode
    ):
        return ["docker"]
    # runc, for machines with hybrid control groups
    return ["podman", "--runtime", "runc"]


def restrictions() -> list[str]:
    """What docker-compose.yml allows the scheduler, as options of `run`."""
    service = compose()["services"]["scheduler"]
    options = ["--memory", "2g", "--read-only"] if service["read_only"] else []
    options += [f"--cap-drop={name}" for name in service["cap_drop"]]
    options += [f"--security-opt={name.partition(':')[0]}" for name in service["security_opt"]]
    options += [f"--tmpfs={name}" for name in service["tmpfs"]]
    return options


class Container:
    """The scheduler's container on the machine's network, with a volume of its own."""

    def __init__(self, environment: dict[str, str], volume: Path) -> None:
        self.name = f"signalroom-test-{os.getpid()}"
        self.address = f"http://127.0.0.1:{environment['PORT']}"
        self._variables = [f"--env={name}={value}" for name, value in environment.items()]
        self._volume = volume

    def start(self) -> None:
        """A new container on the same volume; returns once it is healthy."""
        subprocess.run([*engine(), "rm", "--force", self.name], capture_output=True, check=False)
        limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"]
        mounts = [f"--volume={self._volume}:/data"]
        options = ["--detach", "--network=host", f"--name={self.name}", *restrictions()]
        self.call("run", *options, *limits, *mounts, *self._variables, IMAGE)
        self.wait(self.is_healthy)

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def call(self, *arguments: str) -> str:
        done = subprocess.run([*engine(), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *arguments: str) -> str:
        """`signalroom ARGUMENTS` in the container."""
        return self.call("exec", self.name, "signalroom", *arguments)

    def trigger(self, job: str) -> str:
        """The run that it started; a job is started once a minute at most."""
        answers: list[httpx.Response] = []

        def is_taken() -> bool:
            answers.append(httpx.post(f"{self.address}/trigger/{job}", headers=TOKEN, timeout=30))
            return answers[-1].status_code != 429

        self.wait(is_taken)
        assert answers[-1].status_code == 202, answers[-1].text
        return str(answers[-1].json()["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.command("runs", "show", run_id, "--json"))
        return shown

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run, once it has ended."""
        self.wait(lambda: self.run(run_id)["status"] not in ("pending", "running"))
        return self.run(run_id)

    def wait(self, reached: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            if reached():
                return
            assert time.monotonic() < give_up_at, self.call("logs", "--tail", "30", self.name)
            time.sleep(1)

    def remove(self) -> None:
        subprocess.run([*engine(), "rm", "--force", self.name], capture_output=True, check=False)


@pytest.fixture(scope="module", autouse=True)
def image() -> str:
    """The repository's own Dockerfile, built with its default arguments."""
    if not shutil.which("docker") and (os.geteuid() or not shutil.which("apt-get")):
        pytest.skip("neither Docker nor a Debian on which podman could be installed")
    built = subprocess.run(
        [str(ROOT / "tests" / "house" / "image.sh"), IMAGE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    return IMAGE


@pytest.fixture(scope="module")
def agency() -> Iterator[Agency]:
    with Agency(history_days=10) as simulated:
        yield simulated


@pytest.fixture(scope="module")
def container(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, agency: Agency
) -> Iterator[Container]:
    volume = tmp_path_factory.mktemp("volume")
    os.chown(volume, 10001, 10001)
    with empty_warehouse("postgres", tmp_path_factory.mktemp("home"), postgres) as warehouse:
        environment = {
            **agency.environment(),
            **warehouse.environment,
            "SIGNALROOM_HOME": "/data",
            "SIGNALROOM_SANDBOX": "1",
            "SIGNALROOM_TRIGGER_TOKEN": "image-trigger-token",
            "PORT": str(free_port()),
        }
        made = Container(environment, volume)
        try:
            yield made
        finally:
            made.remove()


@pytest.fixture
def running(container: Container) -> Container:
    """The container, started unless it runs: tests come in any order, and one ends it."""
    if not container.is_healthy():
        container.start()
    return container


def test_an_hour_and_the_daily_reports_happen_and_nothing_else_is_written(
    running: Container, agency: Agency
) -> None:
    assert running.ended(running.trigger("hourly"))["status"] == "done"
    assert running.ended(running.trigger("daily_reports"))["status"] == "done"
    sent = [message for message in agency.messages if message.channel == "slack"]
    assert len(sent) >= 2
    written = [line.split()[-1] for line in running.call("diff", running.name).splitlines()]
    allowed = ("/data", "/tmp", "/dev", "/etc", "/proc", "/run", "/sys")  # the engine's own mounts
    assert [path for path in written if not path.startswith(allowed)] == []


def test_a_killed_scheduler_goes_on_and_sends_nothing_twice(
    running: Container, agency: Agency
) -> None:
    assert running.ended(running.trigger("daily_reports"))["status"] == "done"
    before = len(agency.messages)
    assert before
    run_id = running.trigger("daily_reports")
    time.sleep(4)
    running.call("kill", "--signal=KILL", running.name)
    running.start()
    assert running.ended(run_id)["status"] == "done"
    assert len(agency.messages) == before


def test_sigterm_ends_it_with_0_within_its_grace(running: Container) -> None:
    files = "/sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes"
    peak = running.call("exec", running.name, "sh", "-c", f"cat {files} 2>/dev/null || true")
    size = int(running.call("image", "inspect", "--format", "{{.Size}}", IMAGE))
    print(f"\nimage {size / 1e6:.0f} MB, peak memory {int(peak or 0) / 1e6:.0f} MB")  # noqa: T201
    began = time.monotonic()
    running.call("stop", "--time", "120", running.name)
    assert time.monotonic() - began < 60
    state = json.loads(running.call("inspect", running.name))[0]["State"]
    assert state["ExitCode"] == 0
