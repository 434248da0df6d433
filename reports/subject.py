"""Whom, what and which day a report is about, and what was told of it before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from typing import Any

from signalroom.errors import ReportError

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """One report of one client for one day, or for the period that ends on it.

    `brand` is empty where the report is about all `brands` (name by Everflow's advertiser id);
    `asked` is the day that somebody asked for.
    """

    report: str
    title: str
    client_id: str
    brand: str
    day: date
    client_name: str = ""
    brands: Mapping[int, str] = field(default_factory=dict)
    asked: date | None = None


@dataclass(frozen=True)
class Told:
    """What recipients were last told of a day; `at` is an instant in UTC."""

    at: datetime
    edition: str
    figures: Mapping[str, str]


def own_rows(rows: Iterable[Row], client_id: str) -> list[Row]:
    """The rows, all of them; ReportError when one is another client's or nobody's."""
    checked = list(rows)
    for row in checked:
        refuse_foreign(row.get("_client_id"), client_id)
    return checked


def refuse_foreign_parts(context: object, client_id: str) -> None:
    """Walk a context of dataclasses and refuse any part that carries another client's id."""
    if is_dataclass(context) and not isinstance(context, type):
        for one in fields(context):
            value = getattr(context, one.name)
            if one.name == "client_id":
                refuse_foreign(value, client_id)
            else:
                refuse_foreign_parts(value, client_id)
    elif isinstance(context, Mapping):
        for part in context.values():
            refuse_foreign_parts(part, client_id)
    elif isinstance(context, (tuple, list, set, frozenset)):
        for part in context:
            refuse_foreign_parts(part, client_id)


def refuse_foreign(found: object, client_id: str) -> None:
    """ReportError when a row or part is not the client's own."""
    if found != client_id:
        raise ReportError(
            f"A row of client {found!r} came up in a report for client {client_id}: nothing was "
            "rendered. Check the report's query; it must filter by _client_id."
        )
