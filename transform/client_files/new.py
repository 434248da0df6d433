"""`signalroom new client ID`: its entry in the registry, its dbt package and its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from signalroom import clients
from signalroom.errors import ConfigurationError
from signalroom.paths import root
from transform.client_files.files import KINDS
from transform.client_files.packages import project_file


def write(client_id: str, advertiser_id: int) -> list[str]:
    """Write a client with one brand of the same name; the paths written, relative to the root.

    Its files have only a header; `dbt deps` locks and links the new package. Raises
    ConfigurationError, before anything is written, for an id that is invalid or taken.
    """
    if not clients.ID_PATTERN.fullmatch(client_id):
        raise ConfigurationError(
            f"{client_id!r} cannot be a client's id: use lower-case letters, digits, - and _."
        )
    folder = f"data/clients/{client_id}"
    if client_id in clients.registry() or (root() / folder).exists():
        raise ConfigurationError(f"There is a client {client_id} already; nothing was written.")
    title = client_id.replace("_", " ").replace("-", " ").title()
    needed = {kind.name: kind.columns for kind in KINDS if not kind.is_optional}
    files = {f"{folder}/mappings/{name}": ",".join(of) + "\n" for name, of in needed.items()}
    files[f"{folder}/dbt_project.yml"] = project_file(client_id, needed)
    files["packages.yml"] = _read("packages.yml") + f"  - local: {folder}\n"
    files["dbt_project.yml"] = _registered(
        # quoted: `No` and `2024` are not text in YAML
        f'    "{client_id}":\n      name: "{title}"\n      active: true\n'
        f'      brands:\n        "{title}": {advertiser_id}\n'
    )
    for path, text in files.items():
        (root() / path).parent.mkdir(parents=True, exist_ok=True)
        (root() / path).write_text(text, encoding="utf-8", newline="")
    _lock()
    return [*files, "package-lock.yml"]


def _lock() -> None:
    dbt = Path(sys.executable).parent / "dbt"
    done = subprocess.run(
        [str(dbt), "--quiet", "--no-use-colors", "deps"], cwd=root(), capture_output=True, text=True
    )
    if done.returncode:
        said = " ".join((done.stdout or done.stderr).split())
        raise ConfigurationError(f"The files are written, but `dbt deps` failed: {said}")


def _read(path: str) -> str:
    return (root() / path).read_text(encoding="utf-8")


def _registered(entry: str) -> str:
    """dbt_project.yml with the entry added after those of the other clients."""
    lines = _read("dbt_project.yml").splitlines(keepends=True)
    end = lines.index("  clients:\n") + 1
    while lines[end].startswith("    "):
        end += 1
    return "".join([*lines[:end], entry, *lines[end:]])
