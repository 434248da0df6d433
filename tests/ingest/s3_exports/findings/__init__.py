"""Initial inputs of `make fuzz`, and those that made a CSV reader fail, kept as test inputs."""

from pathlib import Path

FINDINGS = Path(__file__).parent
# a finding's first byte selects the table; the other bytes are read as that table's file
TABLES = ("prospects_create", "orders_create", "other")


def findings() -> list[Path]:
    """The files that were found, and the `kept-*` files that a search starts with."""
    kinds = ("crash-*", "timeout-*", "oom-*", "kept-*")
    return sorted(path for kind in kinds for path in FINDINGS.glob(kind))
