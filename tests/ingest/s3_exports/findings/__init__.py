"""Bytes that `make fuzz` begins with, and those that made a CSV reader fail: inputs forever."""

from pathlib import Path

FINDINGS = Path(__file__).parent
# a finding's first byte says as which table's file the others are read
TABLES = ("prospects_create", "orders_create", "other")


def findings() -> list[Path]:
    """The files that were found, and the `kept-*` that a search begins with."""
    kinds = ("crash-*", "timeout-*", "oom-*", "kept-*")
    return sorted(path for kind in kinds for path in FINDINGS.glob(kind))
