"""What only a built image can show: missing files, read-only folders, unhandled signals.

Needs Docker, or Debian as root: image.sh then builds with buildah on a stand-in for the base image.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Agency
from tests.support.container import compose
from tests.support.engine import (
    IMAGE,
    TRIGGER_TOKEN,
    Scheduler,
    build_images,
    checked,
    engine,
    reports_sent,
    unchecked,
)
from tests.support.postgres import PostgresServer, free_port
from tests.support.warehouse import empty_warehouse

pytestmark = [pytest.mark.deep, pytest.mark.slow, pytest.mark.timeout(1800)]


def restrictions() -> list[str]:
    """The restrictions of the scheduler in docker-compose.yml, as options of `run`."""
    service = compose()["services"]["scheduler"]
    options = ["--memory", "2g", "--read-only"] if service["read_only"] else []
    options += [f"--cap-drop={name}" for name in service["cap_drop"]]
    options += [f"--security-opt={name.partition(':')[0]}" for name in service["security_opt"]]
    options += [f"--tmpfs={name}" for name in service["tmpfs"]]
    return options


class Container(Scheduler):
    """The scheduler's container on the machine's network, with a separate volume."""

    def __init__(self, environment: dict[str, str], volume: Path) -> None:
        self.name = f"signalroom-test-{os.getpid()}"
        super().__init__(
            address=f"http://127.0.0.1:{environment['PORT']}",
            execute=[*engine(), "exec", self.name],
            logs=[*engine(), "logs", "--tail", "30", self.name],
        )
        self._variables = [f"--env={name}={value}" for name, value in environment.items()]
        self._volume = volume

    def start(self) -> None:
        """Start a new container on the same volume; returns once it is healthy."""
        self.remove()
        mounts = [f"--volume={self._volume}:/data"]
        options = ["--detach", "--network=host", f"--name={self.name}", *restrictions()]
        self.call("run", *options, *mounts, *self._variables, IMAGE)
        self.wait(self.is_healthy)

    def call(self, *arguments: str) -> str:
        return checked([*engine(), *arguments])

    def remove(self) -> None:
        unchecked([*engine(), "rm", "--force", self.name])


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    """The repository's own Dockerfile, built with its default arguments."""
    build_images()


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
            "SIGNALROOM_TRIGGER_TOKEN": TRIGGER_TOKEN,
            "PORT": str(free_port()),
        }
        with Container(environment, volume) as made:
            yield made


@pytest.fixture
def running(container: Container) -> Container:
    return container.started()


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
    before = reports_sent(agency)
    assert before
    run_id = running.trigger("daily_reports")
    time.sleep(4)
    running.call("kill", "--signal=KILL", running.name)
    running.start()
    assert running.ended(run_id)["status"] == "done"
    assert reports_sent(agency) == before


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
