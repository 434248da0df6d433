"""Follows docs/analysts.md step by step, commands and edit, in a copy of the repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import OFFLINE, ROOT, TIMEOUT_S, own_environment

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(900)]

NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", ".tools", ".signalroom", "target", "logs", "__pycache__", ".*_cache"
)
STEP = re.compile(
    r"^```\n(?P<commands>.*?)^```|^```\w+\n.*?^```|^~~~diff\n(?P<edit>.*?)^~~~", re.M | re.S
)
# `make lint` is the first thing CI runs; tests/main_job builds dbt's documentation on both engines.
ELSEWHERE = {"make lint", "make docs"}
# The document loads everything, which tests/main_job covers; these steps need only one source.
LESS = {"make run": {"ARGS": "--source redtrack --client 713"}}
TARGETS = ("install-dev", "run", "state", "diff", "docs", "lint")
ROLES = ("AUTHOR", "COMMITTER")


@dataclass(frozen=True)
class Walk:
    """A copy in which the document was followed, and the output of each command."""

    folder: Path
    said: Mapping[str, str]

    def manifest(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads((self.folder / "target/manifest.json").read_text())
        return parsed

    def git(self, *arguments: str) -> str:
        return shell(self.folder, "git " + " ".join(arguments), {})


def shell(folder: Path, command: str, extra: Mapping[str, str]) -> str:
    """The output of a command that must succeed."""
    done = bash(folder, command, extra)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def bash(folder: Path, command: str, extra: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line in the copy as its own analyst."""
    identity = {"NAME": "Ana", "EMAIL": "ana@example.org"}
    who = {f"GIT_{role}_{name}": value for name, value in identity.items() for role in ROLES}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        # the copy's own modules, before those of the installed project
        env=own_environment({"PYTHONPATH": f"{folder}{os.pathsep}{OFFLINE}", **who, **extra}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """A copy with a main branch and an origin, in which all ten steps were done."""
    folder = tmp_path_factory.mktemp("walk") / "signalroom"
    shutil.copytree(ROOT, folder, symlinks=True, ignore=NOT_COPIED)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    for name in ("pyproject.toml", "uv.lock", "bootstrap.py"):
        os.utime(folder / name, (0, 0))  # makes the installed packages newer
    shutil.rmtree(folder / "dbt_packages", ignore_errors=True)
    shell(
        folder,
        "git init -q -b main && echo .venv >> .git/info/exclude"
        " && git add . && git commit -q -m Start"
        " && git init -q --bare ../origin && git remote add origin ../origin"
        " && git push -q -u origin main",
        {},
    )
    said = {}
    for step in STEP.finditer((folder / "docs" / "analysts.md").read_text(encoding="utf-8")):
        if step["edit"]:
            (folder.parent / "edit").write_text(step["edit"])
            shell(folder, "git apply ../edit", {})
            continue
        for command in (step["commands"] or "").splitlines():
            if command not in ELSEWHERE:
                said[command] = shell(folder, command, LESS.get(command, {}))
    return Walk(folder, said)


def test_there_are_ten_steps_and_each_was_done(walk: Walk) -> None:
    text = (walk.folder / "docs" / "analysts.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^\*\*(\d+)\. ", text, re.M)] == [*range(1, 11)]
    assert {*walk.said, *ELSEWHERE} >= {f"make {target}" for target in TARGETS}


def test_only_what_changed_and_what_follows_is_built(walk: Walk) -> None:
    [build] = [said for command, said in walk.said.items() if "state:modified+" in command]
    built = set(re.findall(r"OK created sql \w+ model (\S+)", build))
    manifest = walk.manifest()
    changed = "model.signalroom.daily_performance"
    follows = {
        f"{manifest['nodes'][name]['schema']}.{manifest['nodes'][name]['name']}"
        for name in descendants(manifest, changed)
        if name.startswith("model.")
    }
    assert built == {"marts.daily_performance"} | follows
    assert "model.signalroom.orders" not in follows


def test_the_difference_is_the_column_that_was_asked_for(walk: Walk) -> None:
    lines = walk.said["make diff"].splitlines()
    assert [line for line in lines if line.startswith("marts.")] == [
        line for line in lines if "daily_performance" in line and line.endswith("new column epc")
    ]
    assert any(line.startswith("Unchanged: ") and "weekly_rollup (" in line for line in lines)


def test_sqlfluff_changes_nothing_that_was_right(walk: Walk) -> None:
    changed = walk.git("show", "--stat=200", "--format=%s", "HEAD").splitlines()
    assert changed[0] == "Say what a click earns"
    assert {line.split()[0].rsplit("/", 1)[1] for line in changed if "|" in line} == {
        "daily_performance.sql",
        "_marts__models.yml",
    }
    assert "refs/heads/epc" in walk.git("ls-remote", "origin")


def test_the_way_from_the_source_leads_to_the_report(walk: Walk) -> None:
    reached = descendants(walk.manifest(), "source.signalroom.everflow.daily_stats")
    assert reached >= {"model.signalroom.daily_performance", "exposure.signalroom.daily"}


@pytest.mark.parametrize(
    ("wrong", "mistake", "code"),
    [
        (
            "{0}\n{1}\nAgain,,{2},n/a,n/a,n/a,n/a\n",
            ":3: source {2} is mapped twice",
            1,
        ),
        ("{0}\nNew,,s-new,n/a,G2 - Meta,99,CCW\n", ":2: advertiser 99 is unknown", 0),
    ],
    ids=["a duplicate source", "an unknown advertiser"],
)
def test_a_bad_edit_of_a_clients_file_is_named_and_the_rest_is_built(
    walk: Walk, wrong: str, mistake: str, code: int
) -> None:
    file = walk.folder / "data/clients/713/mappings/internal-affiliates.csv"
    good = file.read_text(encoding="utf-8-sig")
    header, first = good.splitlines()[:2]
    source_id = first.split(",")[2].strip()
    file.write_text(wrong.format(header, first, source_id))
    done = bash(walk.folder, ".venv/bin/signalroom build", {})
    file.write_text(good)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert f"{file.relative_to(walk.folder)}{mistake.format('', '', source_id)}" in said
    assert "Traceback" not in said


def descendants(manifest: Mapping[str, Any], start: str) -> set[str]:
    """Everything that reads a node, directly or indirectly."""
    found: set[str] = set()
    open_ends = [start]
    while open_ends:
        children = set(manifest["child_map"].get(open_ends.pop(), ())) - found
        found |= children
        open_ends += children
    return found
