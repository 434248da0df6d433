"""Locations: the repository, and the folder of all local state."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from signalroom.errors import ConfigurationError

LEAST_MB = 200


def root() -> Path:
    """The folder of the repository: dbt project, client data, defaults."""
    return Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder of all local state (`SIGNALROOM_HOME`); created if missing."""
    path = home_to_be()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(storage_problem(error)) from error
    return path


def checked_home() -> str:
    """The folder of local state, checked for free space by writing a file to it.

    Raises ConfigurationError if it is full or cannot be written.
    """
    path = home()
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"\0" * 65_536)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(storage_problem(error)) from error
    left = shutil.disk_usage(path).free / 1e6
    if left < LEAST_MB:
        raise ConfigurationError(
            f"SIGNALROOM_HOME {path} is nearly full: {left:,.0f} MB are left, and a load with its "
            f"build needs {LEAST_MB} MB at the least. Make room or give it another folder."
        )
    return f"{path}, {left / 1000:,.1f} GB left"


def home_to_be() -> Path:
    """The same without creating it, for read-only use."""
    path = _home()
    if "?" in str(path):
        raise ConfigurationError(
            f"SIGNALROOM_HOME is {path}: no DuckDB file can have ? in its name."
        )
    return path


def home_for_dbt(home: Path) -> str:
    """The folder's path in a form that dbt can open: it reads it as a URL, which # would end.

    Such a folder gets a link in the temporary folder. Raises ConfigurationError if something else
    has that name.
    """
    if "#" not in str(home):
        return str(home)
    name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    link = Path(tempfile.gettempdir()) / f"signalroom-{name}"
    with suppress(FileExistsError):
        link.symlink_to(home, target_is_directory=True)
    is_ours = link.is_symlink() and link.lstat().st_uid == os.getuid() and link.readlink() == home
    if not is_ours or "#" in str(link):
        raise ConfigurationError(
            f"SIGNALROOM_HOME is {home}: dbt cannot open a DuckDB file there, and {link}, which "
            "would lead to it, is something else. Choose a folder without # in its path."
        )
    return str(link)


def _home() -> Path:
    return root() / (os.environ.get("SIGNALROOM_HOME", "").strip() or ".signalroom")


def is_storage_problem(error: OSError) -> bool:
    """Whether a disk is full or read-only, or a file of ours is not writable."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return True
    ours = str(error.filename or "").startswith(str(_home()))
    return ours and error.errno in (errno.EACCES, errno.EPERM)


def storage_problem(error: OSError) -> str:
    """One line about a full or read-only disk: the location, and the free space."""
    place = Path(error.filename) if error.filename else _home()
    try:
        left = f"{shutil.disk_usage(_home()).free / 1e6:,.1f} MB are left there"
    except OSError:
        left = "how much is left is not known"
    return (
        f"{place} cannot be written: {error.strerror}. SIGNALROOM_HOME is {_home()}; {left}. Make "
        "room or give it another folder, then run the same command again."
    )
