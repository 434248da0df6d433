"""Databases in the state that the deployed version 3956d4b left (tests/fixtures/deployed)."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support import held
from tests.support.postgres import ROLE, find_binaries

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "deployed"


def unpack_home(home: Path) -> None:
    """SIGNALROOM_HOME of the embedded target: warehouse.duckdb, state.sqlite, outbox."""
    home.mkdir(parents=True, exist_ok=True)
    held.release()
    for name in ("warehouse.duckdb", "state.sqlite"):
        (home / name).write_bytes(gzip.decompress((FOLDER / f"{name}.gz").read_bytes()))
    shutil.copytree(FOLDER / "outbox", home / "outbox", dirs_exist_ok=True)


def restore_postgres(environment: Mapping[str, str]) -> None:
    """Fill the empty database that SUPABASE_DB_* of `environment` point to."""
    dump = gzip.decompress((FOLDER / "warehouse.sql.gz").read_bytes())
    done = subprocess.run(
        [
            str(find_binaries() / "psql"),
            *("-h", environment["SUPABASE_DB_HOST"], "-p", environment["SUPABASE_DB_PORT"]),
            *("-U", ROLE, "-d", environment["SUPABASE_DB_NAME"]),
            *("-q", "-X", "-v", "ON_ERROR_STOP=1"),
        ],
        input=dump,
        env={**os.environ, "PGPASSWORD": environment["SUPABASE_DB_PASSWORD"]},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
