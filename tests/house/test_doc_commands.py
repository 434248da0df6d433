"""Commands in documents: every option, name and module must exist. Nothing is run."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from dataclasses import fields
from functools import cache
from itertools import pairwise
from pathlib import Path

import click
import pytest
from dbt.cli.main import cli as dbt

from cli.main import signalroom
from ingest.registry import NAMES
from reports.registry import reports
from scheduler.schedule import read_schedule
from scheduler.temporal import model
from tests.support.processes import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.M | re.S)
SHELLS = ("", "sh", "bash", "console")
# Placeholders for the reader's own values: NAME, N, C, FOLDER, ….
PLACEHOLDER = re.compile(r"[A-Z][A-Z|_]*|\u2026")
VALUES = re.compile(r"'([^']*)'")


@cache
def commands(document: Path) -> list[list[str]]:
    """The words of each shell line, and of each code span, of a document."""
    text = document.read_text(encoding="utf-8")
    lines = [
        line
        for language, block in FENCE.findall(text)
        if language in SHELLS
        for line in block.replace("\\\n", " ").splitlines()
    ]
    lines += [" ".join(one.split()) for one in re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    found = []
    for line in lines:
        plain = re.sub(r"\$ |<|>", "", line) if line.startswith("$ ") else re.sub(r"[<>]", "", line)
        try:
            words = shlex.split(plain, comments=True)
        except ValueError:  # an apostrophe: not a command
            continue
        while words and re.match(r"[A-Z_]+=", words[0]):
            del words[0]
        if words:
            found.append([words[0].removeprefix(".venv/bin/"), *words[1:]])
    return found


def all_of(*programs: str) -> list[list[str]]:
    return [words for one in DOCUMENTS for words in commands(one) if words[0] in programs]


def parse(command: click.Command, words: list[str]) -> None:
    """Fail as the command line would; a bare command name and a placeholder are not mistakes."""
    context = click.Context(command, info_name=words[0])
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"{shlex.join(words)}: there is no {rest[0]}"
        context, command = click.Context(found, parent=context, info_name=rest[0]), found
        rest = rest[1:]
    try:
        command.make_context(words[0], list(rest), parent=context.parent)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        return
    except click.MissingParameter:
        assert all(one.startswith("-") for one in rest), shlex.join(words)
    except click.BadParameter as error:
        refused = set(VALUES.findall(error.message))
        if not refused & {word for word in rest if PLACEHOLDER.fullmatch(word)}:
            raise


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_of_a_document_are_taken_by_the_command_line(document: Path) -> None:
    jobs = [job.name for job in read_schedule()]
    known = {
        "ingest": (*NAMES, "all"),
        "backfill": NAMES,
        "report": tuple(reports()),
        "trigger": (*jobs, *NAMES),
        "pause": (*jobs, *NAMES),
        "resume": (*jobs, *NAMES),
    }
    for words in commands(document):
        if words[0] != "signalroom" or len(words) == 1:
            continue
        parse(signalroom, words)
        if words[1] in known and len(words) > 2 and re.fullmatch("[a-z_0-9]+", words[2]):
            assert words[2] in known[words[1]], shlex.join(words)


def test_commands_of_dbt_are_taken_by_dbt() -> None:
    found = [words for words in all_of("dbt") if len(words) > 1]
    assert len(found) > 5
    for words in found:
        parse(dbt, [one for one in words if one != "…"])


def test_modules_and_test_files_that_are_run_exist() -> None:
    modules = {
        words[at + 1]
        for words in all_of("python", "python3")
        for at, word in enumerate(words[:-1])
        if word == "-m"
    }
    assert len(modules) > 2
    assert [one for one in sorted(modules) if importlib.util.find_spec(one) is None] == []
    files = {one for words in all_of("pytest", "sqlfluff") for one in words if "/" in one}
    assert files
    assert [one for one in sorted(files) if not (ROOT / one).exists()] == []


def test_workflow_that_another_system_is_told_to_start_takes_its_input() -> None:
    [words] = [words for words in all_of("temporal") if words[1:3] == ["workflow", "start"]]
    given = dict(pairwise(words))
    assert given["--type"] == model.BACKFILL
    assert given["--task-queue"] in model.QUEUES
    taken = {one.name for one in fields(model.Backfill)}
    assert set(json.loads(given["--input"])) <= taken
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    inputs = {
        model.SCHEDULED_SYNC: model.ScheduledSync,
        model.SYNC_SOURCE: model.SyncSource,
        model.RUN_REPORT: model.RunReport,
        model.BACKFILL: model.Backfill,
    }
    for name, kind in inputs.items():
        [row] = re.findall(rf"^\| `{name}` \| ([^|]+) \|", text, re.M)
        assert set(re.findall(r"`(\w+)`", row)) <= {one.name for one in fields(kind)}, name
