"""The files that clients maintain by hand: one reader for doctor, lint and the build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from signalroom import clients, paths, yaml_files
from transform.client_files.files import KINDS, read
from transform.client_files.reader import Mistake


def check() -> list[Mistake]:
    """Every mistake in the client data, in file order."""
    found = list(_packages())
    for client in clients.registry().values():
        for kind in KINDS:
            found += read(kind, client).mistakes
    return found


def mistakes() -> list[str]:
    """The same as text, one line each: file, line, reason, fix."""
    return [str(mistake) for mistake in check()]


def _packages() -> Iterator[Mistake]:
    """Each client of the registry must be a dbt package, and no other folder may be."""
    listed = yaml_files.load((paths.root() / "packages.yml").read_text(encoding="utf-8"))
    given = {Path(package["local"]).as_posix() for package in listed["packages"]}
    wanted = {f"data/clients/{client_id}" for client_id in clients.registry()}
    file = Path("packages.yml")
    for path in sorted(wanted - given):
        yield Mistake(file, 0, f"the line `- local: {path}` is missing.", spoils_file=True)
    for path in sorted(given - wanted):
        reason = f"{path} is listed, but dbt_project.yml has no such client."
        yield Mistake(file, 0, reason, spoils_file=True)
    folder = paths.root() / "data" / "clients"
    for name in sorted(one.parent.name for one in folder.glob("*/mappings")):
        if name not in clients.registry():
            reason = f"dbt_project.yml has no client {name}, so that nothing reads this folder."
            yield Mistake(Path("data/clients") / name, 0, reason, spoils_file=False)
