"""What the recorded marts were made from: SQL, macros, variables and client files upstream of each.

Reads the text of the dbt project, without dbt: whatever a model refers to is upstream of it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path

import yaml

from reports.preview import recorded
from tests.support.processes import ROOT

FINGERPRINTS = recorded.FOLDER / "recorded.json"
REPAIR = "record the rows again: make record-marts"
COMMENT = re.compile(r"--[^\n]*|\{#.*?#\}", re.DOTALL)
MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\((.*?)\{%-?\s*endmacro", re.DOTALL)
OTHER_ENGINE = "postgres__"  # the rows are recorded on DuckDB


class Project:
    """The dbt project in a folder, as text without comments and whitespace differences."""

    def __init__(self, folder: Path = ROOT) -> None:
        models = (folder / "transform" / "models").rglob("*.sql")
        self.models = {path.stem: _plain(path.read_text(encoding="utf-8")) for path in models}
        self.macros = {
            name: _plain(body)
            for path in (folder / "transform" / "macros").glob("*.sql")
            for name, body in MACRO.findall(COMMENT.sub("", path.read_text(encoding="utf-8")))
            if not name.startswith(OTHER_ENGINE)
        }
        settings = yaml.safe_load((folder / "dbt_project.yml").read_text(encoding="utf-8"))
        self.variables = {name: json.dumps(value) for name, value in settings["vars"].items()}
        self.files = {
            str(path.relative_to(folder)): path.read_text(encoding="utf-8")
            for path in sorted((folder / "data" / "clients").glob("*/mappings/*.csv"))
        }

    def upstream(self, mart: str) -> dict[str, str]:
        """The fingerprint of each part that a mart is made from, including the mart itself."""
        found: dict[str, str] = {}
        waiting = [(f"{mart}.sql", self.models[mart])]
        while waiting:
            name, text = waiting.pop()
            if name not in found:
                found[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
                waiting += self._named(text)
        return found

    def _named(self, text: str) -> list[tuple[str, str]]:
        """The models, macros, variables and client files that a text refers to."""
        models = re.findall(r"\bref\('(\w+)'\)", text)
        called = set(re.findall(r"\b(\w+)\(", text)) | set(re.findall(r"dispatch\('(\w+)'", text))
        macros = {f"{engine}{name}" for name in called for engine in ("", "default__", "duckdb__")}
        files = self.files if "ref('client_'" in text else {}
        return [
            *((f"{name}.sql", self.models[name]) for name in models),
            *((f"macro {name}", self.macros[name]) for name in macros & self.macros.keys()),
            *((f"variable {name}", self.variables[name]) for name in _variables(text)),
            *files.items(),
        ]


def write() -> None:
    """Write the fingerprints of what the recorded marts were made from."""
    project = Project()
    made: dict[str, str] = {}
    for name in recorded.names():
        made |= project.upstream(name)
    text = json.dumps(dict(sorted(made.items())), indent=1)
    FINGERPRINTS.write_text(f"{text}\n", encoding="utf-8")


def problems(folder: Path = ROOT) -> list[str]:
    """Why the recorded rows differ from what the marts would contain now; empty if they do not."""
    project, found = Project(folder), []
    made = json.loads(FINGERPRINTS.read_text(encoding="utf-8"))
    changed: dict[str, list[str]] = {}
    for name in recorded.names():
        for part, digest in project.upstream(name).items():
            if made.get(part) != digest:
                changed.setdefault(part, []).append(name)
        with (recorded.FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        if header != list(recorded.contract()[name]):
            found.append(f"{name}.csv has other columns than the contract of {name}; {REPAIR}")
    for part, marts in sorted(changed.items()):
        found.append(f"{part} changed since {', '.join(marts)} were recorded; {REPAIR}")
    return found


def _plain(text: str) -> str:
    return " ".join(COMMENT.sub("", text).split())


def _variables(text: str) -> list[str]:
    return re.findall(r"\bvar\('(\w+)'", text)
