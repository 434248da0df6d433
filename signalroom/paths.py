"""Where things are: the repository, and the folder of all local state."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from signalroom.errors import ConfigurationError


def root() -> Path:
    """The folder of the repository: dbt project, client data, defaults."""
    return Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder of all local state (`SIGNALROOM_HOME`); made when it is missing."""
    path = _home()
    if "?" in str(path):
        raise ConfigurationError(
            f"SIGNALROOM_HOME is {path}: no DuckDB file can have ? in its name."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(storage_problem(error)) from error
    return path


def _home() -> Path:
    return root() / (os.environ.get("SIGNALROOM_HOME", "").strip() or ".signalroom")


def storage_problem(error: OSError) -> str:
    """One line on a disk that is full or cannot be written: the place, and what is left there."""
    place = Path(error.filename) if error.filename else _home()
    try:
        left = f"{shutil.disk_usage(_home()).free / 1e6:,.1f} MB are left there"
    except OSError:
        left = "how much is left is not known"
    return (
        f"{place} cannot be written: {error.strerror}. SIGNALROOM_HOME is {_home()}; {left}. Make "
        "room or give it another folder, then run the same command again."
    )
