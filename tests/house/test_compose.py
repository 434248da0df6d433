"""docker-compose.yml, unchanged and fully started: how an engine interprets the file.

Needs Docker, or Debian as root: podman-compose then starts it with podman, with a stand-in for the
database image. The simulated agency listens on the machine's own address, and the scheduler's
container connects to it as it would to a vendor.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
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
    composer,
    engine,
    has_docker,
    reports_sent,
    unchecked,
)
from tests.support.offline.sitecustomize import ALLOWED
from tests.support.processes import ROOT

pytestmark = [pytest.mark.deep, pytest.mark.slow, pytest.mark.timeout(1800)]

PORT = 8080
COST = "select min(date), sum(cost) from marts.daily_performance where _client_id = '713'"


class Project(Scheduler):
    """The services of docker-compose.yml, with separate containers and volumes for the test."""

    def __init__(self, folder: Path) -> None:
        self.name = f"signalroom-test-{os.getpid()}"
        self._file = [*composer(), "-f", str(folder / "docker-compose.yml"), "-p", self.name]
        super().__init__(
            address=f"http://127.0.0.1:{PORT}",
            execute=[*self._file, "exec", "-T", "scheduler"],
            logs=[*self._file, "logs", "--tail", "30"],
        )

    def call(self, *arguments: str) -> str:
        return checked([*self._file, *arguments])

    def start(self) -> None:
        """Do what `make up` does, without its build; returns once the scheduler is healthy."""
        self.call("up", "--detach", "--no-build")
        self.wait(self.is_healthy)

    def container(self, service: str) -> str:
        """The id of the service's container, running or not."""
        labels = {"project": self.name, "service": service}
        by_label = [f"--filter=label=com.docker.compose.{key}={labels[key]}" for key in labels]
        [found] = checked([*engine(), "ps", "--all", "--quiet", *by_label]).split()
        return found

    def query(self, sql: str) -> str:
        """The result of a query on the database in its container."""
        psql = ["psql", "--username", "signalroom", "--dbname", "signalroom", "-tAc", sql]
        return self.call("exec", "-T", "database", *psql).strip()

    def remove(self) -> None:
        unchecked([*self._file, "down", "--volumes"])


def outside(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python without the guard that keeps tests on loopback."""
    return subprocess.run(
        [sys.executable, "-I", "-c", f"import socket; {code}"], capture_output=True, text=True
    )


def own_address() -> str:
    """The machine's address beyond loopback; determined without sending anything."""
    udp = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.1', 9))"
    found = outside(f"{udp}; print(s.getsockname()[0])")
    assert found.returncode == 0, f"no network beyond loopback: {found.stderr}"
    return found.stdout.strip()


def is_printed(word: str, command: list[str]) -> bool:
    return checked(command).strip() == word


def is_open(host: str, port: int) -> bool:
    return not outside(f"socket.create_connection(({host!r}, {port}), 5)").returncode


def variables(agency: Agency) -> dict[str, str]:
    """What a user would put into .env: keys, passwords, and a service account's key itself."""
    found = agency.environment()
    for name in [name for name in found if name.startswith("GOOGLE_SHEETS_CREDENTIALS_PATH")]:
        key = json.dumps(json.loads(Path(found.pop(name)).read_text()))
        found[name.replace("_PATH", "_JSON")] = key
    return found | {
        "SIGNALROOM_SANDBOX": "1",
        "SIGNALROOM_TRIGGER_TOKEN": TRIGGER_TOKEN,
        "SIGNALROOM_HASH_SALT": "a long random text of the test",
        "SUPABASE_DB_PASSWORD": "pass$word",
    }


@pytest.fixture(scope="module")
def agency() -> Iterator[Agency]:
    address = own_address()
    ALLOWED.add(address)
    with Agency(history_days=10, host=address) as simulated:
        yield simulated
    ALLOWED.remove(address)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, agency: Agency) -> Iterator[Project]:
    build_images()
    checked([*engine(), "tag", IMAGE, compose()["services"]["scheduler"]["image"]])
    assert not is_open("127.0.0.1", PORT), f"another program listens on {PORT}, which the file uses"
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "docker-compose.yml", folder)
    lines = [f"{name}='{value}'\n" for name, value in variables(agency).items()]
    (folder / ".env").write_text("".join(lines))
    with Project(folder) as made:
        yield made


@pytest.fixture
def running(project: Project) -> Project:
    return project.started()


def test_all_of_the_file_starts_and_an_hour_lands_in_its_database(
    running: Project, agency: Agency
) -> None:
    assert running.ended(running.trigger("hourly"))["status"] == "done"
    first_day, cost = running.query(COST).split("|")
    truth = agency.truth("713", date.fromisoformat(first_day)).daily_performance
    assert Decimal(cost) == sum(Decimal(str(row["cost"] or 0)) for row in truth) > 0
    assert running.ended(running.trigger("daily_reports"))["status"] == "done"
    assert len([message for message in agency.messages if message.channel == "slack"]) >= 2


def test_both_services_pass_their_health_checks(running: Project) -> None:
    shown = [*engine(), "inspect", "--format", "{{.State.Health.Status}}"]
    for container in (running.container("scheduler"), running.container("database")):
        if has_docker():
            running.wait(partial(is_printed, "healthy", [*shown, container]))
        else:  # podman needs systemd to repeat the check automatically
            checked([*engine(), "healthcheck", "run", container])


def test_only_loopback_reaches_the_page_and_only_the_scheduler_reaches_the_database(
    running: Project,
) -> None:
    published = checked([*engine(), "port", running.container("scheduler")])
    assert published.split("\n")[:-1] == [f"{PORT}/tcp -> 127.0.0.1:{PORT}"]
    assert checked([*engine(), "port", running.container("database")]) == ""
    assert is_open("127.0.0.1", PORT)
    assert not is_open(own_address(), PORT)


def test_it_stops_in_its_grace_and_a_new_start_keeps_the_data_and_sends_nothing_twice(
    running: Project, agency: Agency
) -> None:
    assert running.ended(running.trigger("daily_reports"))["status"] == "done"
    sent, cost = reports_sent(agency), running.query(COST)
    assert sent
    began = time.monotonic()
    running.call("stop")
    assert time.monotonic() - began < 60
    for service in ("scheduler", "database"):
        state = json.loads(checked([*engine(), "inspect", running.container(service)]))[0]["State"]
        assert state["ExitCode"] == 0, service
    running.call("down")
    running.start()
    assert running.query(COST) == cost
    assert running.ended(running.trigger("hourly"))["status"] == "done"
    assert running.ended(running.trigger("daily_reports"))["status"] == "done"
    assert running.query(COST) == cost
    assert reports_sent(agency) == sent
