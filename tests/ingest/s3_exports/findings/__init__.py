"""Bytes that `make fuzz` found to make a CSV reader fail: each stays as an input forever."""

from pathlib import Path

FINDINGS = Path(__file__).parent
# a finding's first byte says as which table's file the others are read
TABLES = ("prospects_create", "orders_create", "other")


def findings() -> list[Path]:
    """The files that were found."""
    kinds = ("crash-*", "timeout-*", "oom-*", "kept-*")
    return sorted(path for kind in kinds for path in FINDINGS.glob(kind))
