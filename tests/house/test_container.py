"""The container's files, checked by their content, because tests need no container engine."""

from __future__ import annotations

import ast
import http.server
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.main import COMMANDS
from signalroom.settings import SECRETS
from tests.support.container import Instruction, compose, dockerfile, fly, shipped
from tests.support.postgres import free_port
from tests.support.processes import BIN, ROOT, own_environment

LAYERS = {"cli", "ingest", "reports", "scheduler", "signalroom", "transform"}


IMAGE_MB = 600
# Uses, in the trimmed environment, what each trimmed package is needed for.
STILL_THERE = """
import io
import agate, botocore.session, dbt.cli.main, dlt, pyarrow.csv, pyarrow.fs, pyarrow.parquet, s3fs
from dlt.destinations import duckdb, postgres
from matplotlib.figure import Figure
from twilio.rest import Client
session = botocore.session.get_session()
for service in ("s3", "sts", "sso", "sso-oidc"):
    session.create_client(service, region_name="us-east-1")
assert Client("sid", "token").messages is not None
assert str(agate.Number().cast("1,000.50")) == "1000.50"
figure = Figure()
figure.subplots().set_title("$1,000")
for form in ("png", "svg"):
    figure.savefig(io.BytesIO(), format=form)
"""


def stage_named(name: str) -> list[Instruction]:
    return next(stage for stage in dockerfile() if stage[0].text.endswith(f" AS {name}"))


def build_stage() -> list[Instruction]:
    return stage_named("build")


def final(word: str) -> Instruction:
    found = [one for one in dockerfile()[-1] if one.word == word]
    assert found, f"the last stage lacks {word}"
    return found[-1]


def test_the_process_is_not_root() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final("USER").text)


def test_the_container_starts_a_command_that_exists() -> None:
    program, command, *_ = final("CMD").command()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert program in scripts
    assert command in COMMANDS


def test_an_init_reaps_children_and_passes_the_stop_signal_on() -> None:
    assert final("ENTRYPOINT").command() == ["tini", "--"]
    assert any("tini=" in one.text for one in dockerfile()[-1] if one.word == "RUN")


def health_check() -> str:
    python, flag, code = final("HEALTHCHECK").command()
    assert (python, flag) == ("python", "-c")
    ast.parse(code)
    return code


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_believes_only_200(status: int, exit_code: int) -> None:
    asked: list[str] = []

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        checked = subprocess.run(
            [sys.executable, "-c", health_check()],
            env=own_environment({"PORT": str(server.server_port)}),
            capture_output=True,
        )
        server.shutdown()
    assert asked == ["/health"]
    assert min(checked.returncode, 1) == exit_code


def test_the_command_passes_the_containers_own_health_check_and_stops_when_told(
    tmp_path: Path,
) -> None:
    program, *arguments = final("CMD").command()
    ours = {"SIGNALROOM_HOME": str(tmp_path), "SIGNALROOM_TARGET": "duckdb"}
    environment = own_environment(
        final("ENV").assignments() | ours | {"HOME": str(tmp_path), "PORT": str(free_port())}
    )
    environment["PATH"] = own_environment()["PATH"]
    command = [str(BIN / program), *arguments]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE) as process:
        try:
            check = [sys.executable, "-c", health_check()]
            give_up_at = time.monotonic() + 30
            while subprocess.run(check, env=environment, capture_output=True).returncode:
                assert time.monotonic() < give_up_at
                assert process.poll() is None
            address = f"http://127.0.0.1:{environment['PORT']}"
            assert httpx.get(f"{address}/metrics").status_code == 403
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        logged = [json.loads(line) for line in process.stderr]
    assert {"INFO"} == {line["level"] for line in logged}
    assert "health on 0.0.0.0:" in logged[0]["message"]


def test_every_part_asks_the_same_port_and_path() -> None:
    port = final("ENV").assignments()["PORT"]
    assert final("EXPOSE").text == port
    assert fly()["checks"]["health"]["path"] == "/health"
    assert str(fly()["checks"]["health"]["port"]) == fly()["env"]["PORT"] == port
    assert compose()["services"]["scheduler"]["environment"]["PORT"] == port
    assert compose()["services"]["scheduler"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_what_is_copied_exists_and_all_layers_are_in() -> None:
    for instruction in build_stage():
        if instruction.word == "COPY":
            *sources, _ = instruction.text.split()
            assert [one for one in sources if not (ROOT / one).exists()] == []
    assert [name for name in shipped() if not (ROOT / name).exists()] == []
    assert set(shipped()) >= LAYERS | {"data", "dbt_project.yml", "profiles.yml", "uv.lock"}


def test_neither_tests_nor_secrets_nor_state_get_in() -> None:
    outside = {"tests", "docs", ".env", ".git", ".venv", ".signalroom", ".dlt", ".dlt/secrets.toml"}
    assert outside & set(shipped()) == set()


def test_no_secret_is_baked_in() -> None:
    for stage in dockerfile():
        for instruction in stage:
            assert instruction.word != "ADD"
            if instruction.word == "ARG":
                assert instruction.text.partition("=")[0] in {"BASE", "EXTRAS", "SIGNALROOM_COMMIT"}
            if instruction.word == "ENV":
                assert set(instruction.assignments()) & set(SECRETS) == set()
    assert set(fly()["env"]) & set(SECRETS) == set()
    for service in compose()["services"].values():
        for name, value in service["environment"].items():
            if name in SECRETS or "PASSWORD" in name:
                assert value.startswith("${"), f"{name} is written down"


def test_only_what_is_installed_is_trimmed() -> None:
    """Otherwise the list would silently become outdated when a package moves its files."""
    trim = next(one.text for one in stage_named("trimmed") if one.word == "RUN")
    packages = Path(sysconfig.get_path("purelib"))
    named = [word for word in shlex.split(trim) if re.fullmatch(r"[a-zA-Z_]+[/-][^ ]+", word)]
    assert len(named) > 15
    assert [name for name in named if not list(packages.glob(name))] == []


def test_only_what_production_needs_is_installed() -> None:
    syncs = [one.text for one in build_stage() if "uv sync" in one.text]
    assert syncs
    for text in syncs:
        assert "--frozen --no-default-groups" in text
        assert "--group" not in text


def test_images_are_pinned_to_a_release() -> None:
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"]
    base = re.findall(r"^ARG BASE=(.+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert base == [f"python:{python}-slim-bookworm"]
    stages = {
        one.text.split()[-1]: one.text.split()[0] for stage in dockerfile() for one in stage[:1]
    }
    assert stages == {"build": "${BASE}", "dev": "build", "trimmed": "build", "prod": "${BASE}"}
    assert re.fullmatch(r"postgres:\d+-bookworm", compose()["services"]["database"]["image"])


@pytest.mark.parametrize("name", ["scheduler", "database"])
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service: dict[str, Any] = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert any(entry.split(":")[0] == "/tmp" for entry in service["tmpfs"])
    assert not service.get("privileged")


def test_the_database_is_ready_first_and_not_open_to_the_network() -> None:
    services = compose()["services"]
    assert services["scheduler"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["database"]["healthcheck"]["test"][1] == "pg_isready"
    assert "ports" not in services["database"]


def test_state_survives_and_is_where_signalroom_looks() -> None:
    home = final("ENV").assignments()["SIGNALROOM_HOME"]
    scheduler = compose()["services"]["scheduler"]
    assert scheduler["volumes"] == [f"state:{home}"]
    assert scheduler["environment"]["SIGNALROOM_HOME"] == fly()["env"]["SIGNALROOM_HOME"] == home


def test_fly_never_stops_the_machine_by_itself() -> None:
    assert fly()["restart"] == [{"policy": "always"}]
    assert "http_service" not in fly()
    assert "services" not in fly()
    assert fly()["kill_timeout"] == "120s"
    assert compose()["services"]["scheduler"]["stop_grace_period"] == "2m"


@pytest.mark.slow
@pytest.mark.deep
def test_the_steps_of_the_image_make_a_command_that_answers(tmp_path: Path) -> None:
    """Runs the stages' own steps, in a folder with the files that .dockerignore lets through."""
    for name in [*shipped(), ".tools"]:
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, target)
    environment = own_environment(build_stage()[1].assignments())
    del environment["PYTHONPATH"]
    for instruction in [*build_stage(), *stage_named("trimmed")]:
        if instruction.word == "RUN":
            done = subprocess.run(
                ["bash", "-euc", instruction.text.replace("/build/", f"{tmp_path}/")],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
    program, *_ = final("CMD").command()
    told = subprocess.run(
        [tmp_path / ".venv" / "bin" / program, "--help"],
        cwd="/",
        env=environment | {"SIGNALROOM_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "scheduler" in told.stdout, told.stderr
    assert not (tmp_path / ".venv" / "bin" / "pytest").exists()
    assert not (tmp_path / "sandbox").exists()
    opened = subprocess.run(
        [tmp_path / ".venv" / "bin" / "python", "-c", STILL_THERE],
        cwd=tmp_path,
        env=environment | {"MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert opened.returncode == 0, opened.stderr
    size = sum(path.lstat().st_size for path in (tmp_path / ".venv").rglob("*"))
    assert size / 1e6 < IMAGE_MB, "name what could leave (docs/benchmarks.md)"
