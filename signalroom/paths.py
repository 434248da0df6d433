"""Where things are: the repository, and the folder of all local state."""

from __future__ import annotations

import os
from pathlib import Path

from signalroom.errors import ConfigurationError


def root() -> Path:
    """The folder of the repository: dbt project, client data, defaults."""
    return Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder of all local state (`SIGNALROOM_HOME`); made when it is missing."""
    path = root() / (os.environ.get("SIGNALROOM_HOME", "").strip() or ".signalroom")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"SIGNALROOM_HOME {path} cannot be used: {error.strerror}."
        ) from error
    return path
