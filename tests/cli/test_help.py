"""`--help` on a terminal of 80 columns: no broken words, no truncated sentences."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import signalroom
from tests.support.processes import BIN, ROOT, own_environment, signalroom_cli

WIDTH = 80


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names that lead to each command, including groups."""
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name)


def test_help_breaks_words_or_cuts_sentences_off() -> None:
    wrong = []
    for path in commands(signalroom):
        said = CliRunner().invoke(signalroom, [*path, "--help"], terminal_width=WIDTH)
        assert said.exit_code == 0, path
        for line in said.stdout.splitlines():
            # "..." shows that a command's line in a list was cut; a usage may end with it
            is_cut = line.endswith("...") and not line.startswith("Usage:")
            if len(line) > WIDTH or is_cut or "{" in line:
                wrong.append((" ".join(path), line))
    assert wrong == []


def test_a_slip_is_answered_with_a_list_alone() -> None:
    for slip, meant in {
        ("report", "dialy"): "daily_ccw",
        ("trigger", "hurly"): "hourly",
        ("ingest", "everflo"): "everflow",
        ("sandbox", "--scenario", "mesy"): "messy",
        ("preview", "--report", "weekly_rolup"): "weekly_rollup",
        ("frobnicat",): "",
        ("statu",): "status",
    }.items():
        said = CliRunner().invoke(signalroom, slip)
        assert said.exit_code == 2, slip
        assert (f"Did you mean {meant!r}?" in said.stderr) is bool(meant), said.stderr


@pytest.mark.parametrize("arguments", [["frobnicate"], ["status"]])
def test_a_terminal_breaks_words_of_long_lines(tmp_path: Path, arguments: list[str]) -> None:
    home = {"SIGNALROOM_HOME": str(tmp_path), "SIGNALROOM_NOW": "2026-11-19T09:30:00-05:00"}
    env = own_environment({**home, "TERM": "xterm"})
    piped = signalroom_cli(*arguments, env=env)
    reader, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    subprocess.run(
        [str(BIN / "signalroom"), *arguments], cwd=ROOT, check=False, stdin=terminal,
        stdout=terminal, stderr=terminal, env=env,
    )  # fmt: skip
    os.close(terminal)
    shown = re.sub(r"\x1b\[[\d;]*[mK]", "", os.read(reader, 1 << 16).decode())
    os.close(reader)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert set(shown.split()) >= set(f"{piped.stdout} {piped.stderr}".split()), "a word is broken"
