"""Row 5: two other loaders on the same file, in temporary environments.

Their newer releases download a binary from outside the package index at the first run; these are
the last ones that do not. They infer types and add no columns, and read from disk, not from S3.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import process
from tests.support.postgres import PostgresServer
from tests.support.processes import ROOT

RELEASES = {"sling": "1.4.0", "ingestr": "0.15.9"}
COMMANDS = {
    "sling": "run --src-stream file://{file} --tgt-conn {url} --tgt-object peer.orders"
    " --mode full-refresh",
    "ingestr": "ingest --yes --source-uri csv://{file} --source-table orders --dest-uri {url}"
    " --dest-table peer.orders",
}
QUIET = {"SLING_DISABLE_TELEMETRY": "TRUE", "INGESTR_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class Peers:
    """Where each of them is installed; `missing` has the reason for the others."""

    folder: Path
    installed: tuple[str, ...]
    missing: Mapping[str, str]

    def works(self, server: PostgresServer, file: Path) -> dict[str, Callable[[], float]]:
        """For each, a function that gives the seconds of one load into an empty database."""
        return {name: lambda name=name: self._load(name, server, file) for name in self.installed}  # type: ignore[misc]

    def _load(self, name: str, server: PostgresServer, file: Path) -> float:
        with server.database() as there:
            url = (
                "postgresql://{SUPABASE_DB_USER}:{SUPABASE_DB_PASSWORD}@{SUPABASE_DB_HOST}"
                ":{SUPABASE_DB_PORT}/{SUPABASE_DB_NAME}?sslmode=disable"
            ).format(**there)
            arguments = [part.format(file=file, url=url) for part in COMMANDS[name].split()]
            command = [str(self.folder / name / "bin" / name), *arguments]
            return process(command, {**QUIET, "HOME": str(self.folder)}, self.folder).seconds


@contextmanager
def peers() -> Iterator[Peers]:
    """Install the loaders that can be installed."""
    uv = str(ROOT / ".tools" / "uv")
    installed, missing = [], {}
    with TemporaryDirectory() as folder:
        for name, release in RELEASES.items():
            place = str(Path(folder) / name)
            steps = [
                [uv, "venv", "--quiet", "--python", "3.11", place],
                [uv, "pip", "install", "--quiet", "--python", place, f"{name}=={release}"],
            ]
            for step in steps:
                done = subprocess.run(step, capture_output=True, text=True, check=False)
                if done.returncode:
                    missing[name] = " ".join(done.stderr.split())[:200]
                    break
            else:
                installed.append(name)
        yield Peers(Path(folder), tuple(installed), missing)
