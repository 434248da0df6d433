"""dlt's working folder of one pull, with the clients' rows in it: gone when the pull is over.

A killed load leaves its folder behind, in memory where the temporary folder is in memory. The next
load removes what belongs to no living process: each holds a lock inside its own.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "signalroom-dlt-"
LOCK = "in-use.lock"
YOUNG_S = 60.0  # a folder that is being made has no lock yet


@contextmanager
def working_folder() -> Iterator[str]:
    """A new folder for one pull."""
    remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders of loads that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or another process was faster
            if time.time() - folder.stat().st_mtime < YOUNG_S:
                continue
            with (folder / LOCK).open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
