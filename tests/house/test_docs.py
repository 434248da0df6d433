"""Documents name everything that exists, and nothing else."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cli.main import COMMANDS, signalroom
from ingest.registry import NAMES
from reports.registry import definitions
from tests.support.makefile import targets
from tests.support.processes import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
BLOCK = re.compile(r"```\n(.*?)```", re.DOTALL)
SPANS = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", BLOCK.sub("", TEXT))]
# Everything that is formatted as code, one command per line.
CODE = "\n".join([*BLOCK.findall(TEXT), *SPANS])


@pytest.mark.parametrize("target", sorted(targets()))
def test_every_make_target_is_documented(target: str) -> None:
    assert re.search(rf"\bmake {target}\b", CODE)


def test_documents_name_no_make_target_that_is_gone() -> None:
    named = set(re.findall(r"^make ([a-z][a-z-]*)", CODE, re.M))
    assert named - set(targets()) == set()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_documented(command: str) -> None:
    assert f"`signalroom {command}" in TEXT


def test_documents_name_no_command_or_option_that_is_gone() -> None:
    used = re.findall(r"^signalroom ([^#\n]+)", CODE, re.M)
    assert used
    for line in used:
        name, *words = shlex.split(line.replace("<", "").replace(">", ""))
        if name.startswith("-"):
            continue
        command = signalroom.get_command(click.Context(signalroom), name)
        assert command is not None, f"signalroom {name} does not exist"
        if isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words[0]]
        options = {option for one in command.params for option in [*one.opts, *one.secondary_opts]}
        assert {word for word in words if word.startswith("--")} - options == set(), line


@pytest.mark.parametrize("name", [*NAMES, *definitions()])
def test_every_source_and_report_is_documented(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_every_folder_of_the_tree_exists_and_none_is_forgotten() -> None:
    tree = TEXT.split("## What is where")[1].split("```")[1]
    named = {line.split()[0] for line in tree.strip().splitlines()}
    assert [entry for entry in named if not (ROOT / entry).exists()] == []
    packages = {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")}
    assert packages - named == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    assert [one for one in links if not (document.parent / one).exists()] == []


def test_paths_in_documents_exist() -> None:
    paths = re.findall(r"^((?:\w+/)+[\w.]+\.(?:py|yml|sql|toml|csv))$", CODE, re.M)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_tests_that_documents_name_exist() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) >= 15
    assert [one for one in sorted(named) if f"def {one}(" not in code] == []


def test_decisions_are_dated_and_give_a_reason() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\*\*)", text)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"\*\*\d{4}-\d\d-\d\d · [^*]+\.\*\*\n\S", entry), entry[:80]
