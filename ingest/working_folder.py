"""Working folders of one pull, which contain clients' rows: removed when the pull ends.

A killed load leaves its folders behind (in memory, if the temporary folder is in memory). The next
load removes those of processes that no longer run: each running one holds a lock in its folder.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DLT, FILES, ROWS = "signalroom-dlt-", "signalroom-s3-", "signalroom-rows-"
NEW = "signalroom-new-"
LOCK = "in-use.lock"
YOUNG_S = 60.0  # a folder that is just being created has no lock yet


@contextmanager
def working_folder(prefix: str = DLT, within: str | None = None) -> Iterator[str]:
    """A new folder for one pull, in the temporary folder or `within` another."""
    above = within or tempfile.gettempdir()
    remove_abandoned(above)
    made = Path(tempfile.mkdtemp(prefix=NEW, dir=above))
    folder = made.with_name(prefix + made.name.removeprefix(NEW))
    try:
        with (made / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made.rename(folder)  # a folder with the prefix has had its lock from the start
            yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(above: str) -> None:
    """Remove the folders of loads that were killed."""
    for prefix in (DLT, FILES, ROWS):
        for folder in Path(above).glob(f"{prefix}*"):
            with suppress(OSError), (folder / LOCK).open() as lock:  # or another process was faster
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            _remove_old(folder)
    for folder in Path(above).glob(f"{NEW}*"):
        _remove_old(folder)


def _remove_old(folder: Path) -> None:
    """Remove a folder without a lock that no process is about to lock: one of an older version."""
    with suppress(OSError):
        if not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime > YOUNG_S:
            shutil.rmtree(folder, ignore_errors=True)
