"""How Mautic filters, orders and pages its rows: only by existing columns."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Row = dict[str, Any]
_WHERE = re.compile(r"where\[(\d+)\]\[(col|expr|val)\]")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, two: bool(one == two),
    "neq": lambda one, two: bool(one != two),
    "gt": lambda one, two: bool(one > two),
    "gte": lambda one, two: bool(one >= two),
    "lt": lambda one, two: bool(one < two),
    "lte": lambda one, two: bool(one <= two),
}


class SearchError(Exception):
    """The database's error for an unknown column."""


def chosen(rows: list[Row], parameters: Mapping[str, str]) -> list[Row]:
    """The rows that fit every `where`."""
    asked: dict[str, dict[str, str]] = {}
    for name, value in parameters.items():
        if found := _WHERE.fullmatch(name):
            asked.setdefault(found[1], {})[found[2]] = value
    for where in asked.values():
        name, compare = where.get("col", ""), _COMPARE.get(where.get("expr", ""))
        _known(rows, name)
        if compare is None:
            raise SearchError(f"Method {where.get('expr')} does not exist")
        rows = [row for row in rows if row[name] is not None
                and compare(row[name], type(row[name])(where.get("val", "")))]  # fmt: skip
    return rows


def ordered(rows: list[Row], name: str, direction: str) -> list[Row]:
    _known(rows, name)
    return sorted(
        rows,
        key=lambda row: (row[name] is not None, row[name]),
        reverse=direction.upper() == "DESC",
    )


def paged(rows: list[Row], parameters: Mapping[str, str], default: int) -> list[Row]:
    """From `start` on; 0 means no limit."""
    start = max(0, int(parameters.get("start", 0)))
    limit = int(parameters.get("limit", default))
    return rows[start : start + limit] if limit > 0 else rows[start:]


def _known(rows: list[Row], name: str) -> None:
    if rows and (name not in rows[0] or name.startswith("_")):
        raise SearchError(f"Unknown column '{name}' in 'order clause'")
