"""Parses the container's files the same way as the tools that use them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from dataclasses import dataclass
from typing import Any

import yaml

from tests.support.processes import ROOT


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile: its keyword in capitals and the rest of its line."""

    word: str
    text: str

    def command(self) -> list[str]:
        """The parsed JSON form of CMD, ENTRYPOINT or HEALTHCHECK."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words

    def assignments(self) -> dict[str, str]:
        """The variables set by an ENV instruction."""
        return dict(part.split("=", 1) for part in shlex.split(self.text))


def dockerfile() -> list[list[Instruction]]:
    """The stages of the Dockerfile."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.strip()[:1] != "#"
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stages: list[list[Instruction]] = []
    for line in filter(None, joined.splitlines()):
        word, text = line.split(maxsplit=1)
        if word == "FROM":
            stages.append([])
        if stages:  # before the first stage there are only arguments
            stages[-1].append(Instruction(word, text))
    return stages


def compose() -> dict[str, Any]:
    """The parsed docker-compose.yml."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def fly() -> dict[str, Any]:
    """The parsed fly.toml."""
    return tomllib.loads((ROOT / "fly.toml").read_text())


def shipped() -> list[str]:
    """The files that .dockerignore lets into the image; it excludes everything else."""
    lines = [
        line.strip()
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert lines[0] == "*"
    return [line[1:] for line in lines if line.startswith("!")]
