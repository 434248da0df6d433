"""The demo's folder: moved aside before real data is loaded into it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from signalroom import clock
from signalroom.paths import home, home_to_be
from signalroom.settings import target

WAREHOUSE = "warehouse.duckdb"
LOCKS = ("warehouse", "scheduler")


def move_aside() -> Path | None:
    """Rename SIGNALROOM_HOME to `<name>-demo-<time>` if it holds simulated data; the new name.

    None if there is nothing to move, or if it cannot be moved: on postgres, while another process
    works there, on a mounted volume. Then the first real load is refused.
    """
    if target() != "duckdb" or os.environ.get("SIGNALROOM_SANDBOX"):
        return None
    folder = home()
    if not (folder / WAREHOUSE).exists():
        return None
    from filelock import FileLock, Timeout

    aside = folder.with_name(f"{folder.name}-demo-{clock.instant():%Y%m%d-%H%M%S}")
    with ExitStack() as stack:
        try:
            for name in LOCKS:
                stack.enter_context(FileLock(folder / f"{name}.lock", timeout=0))
            if not _is_simulated(folder / WAREHOUSE):
                return None
            folder.rename(aside)
        except (Timeout, OSError):
            return None
    home()  # recreated, empty
    return aside


def will_move() -> bool:
    """Whether a real load would find a demo here and move it aside, to start empty."""
    if target() != "duckdb" or os.environ.get("SIGNALROOM_SANDBOX"):
        return False
    return _is_simulated(home_to_be() / WAREHOUSE)


def holds_demo() -> bool:
    """Whether the warehouse, on either engine, has simulated data; read only."""
    if target() == "duckdb":
        return _is_simulated(home() / WAREHOUSE)
    from signalroom.warehouse import read

    there = (
        "select 1 as there from information_schema.tables"
        " where table_schema = 'ops' and table_name = 'origin'"
    )
    if not read(there, within="information_schema"):
        return False
    found = read("select origin from ops.origin", within="ops")
    return [row["origin"] for row in found] == ["simulated"]


def _is_simulated(warehouse: Path) -> bool:
    if not warehouse.exists():
        return False
    import duckdb

    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.execute("select origin from ops.origin").fetchall()
    except duckdb.Error:
        return False  # in use, or from an older version: later steps will report it
    return found == [("simulated",)]
