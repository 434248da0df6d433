"""Tables by day and tables as a whole: what vanished at the vendor vanishes here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ingest.landing import ControlTotal, Landing, Pull, Row
from ingest.values import EXACT, total
from ingest.windows import days


def landing_by_day(
    table: str,
    pull: Pull,
    rows: Sequence[Row],
    columns: Mapping[str, Mapping[str, Any]],
    measures: Sequence[str],
) -> Landing:
    """The rows of a window with a tombstone for each of its days, so that empty days are emptied.

    `measures` are the columns whose sums are kept as control totals.
    """
    asked = list(days(pull.window))
    emptied = [{"_client_id": pull.client_id, "date": day, "_deleted": True} for day in asked]
    return Landing(
        table=table,
        rows=[*emptied, *rows],
        columns=columns,
        merge_key=("_client_id", "date"),
        totals=totals_by_day(rows, asked, measures),
    )


def landing_whole(
    table: str,
    pull: Pull,
    rows: Sequence[Row],
    columns: Mapping[str, Mapping[str, Any]],
    measures: Sequence[str] = (),
) -> Landing:
    """A list that the vendor gives as a whole: the client's rows are replaced together."""
    totals: dict[str, Decimal | int] = {"rows": len(rows)}
    totals |= {name: total(row[name] for row in rows) for name in measures}
    return Landing(
        table=table,
        rows=[{"_client_id": pull.client_id, "_deleted": True}, *rows],
        columns=columns,
        merge_key=("_client_id",),
        totals=[ControlTotal("all", None, totals, digest(rows))],
    )


def totals_by_day(
    rows: Iterable[Row], days: Iterable[date], measures: Sequence[str]
) -> list[ControlTotal]:
    """Control totals of every day asked, also of those that came back empty."""
    by_day: dict[date, list[Row]] = {day: [] for day in days}
    for row in rows:
        by_day[row["date"]].append(row)
    return [
        ControlTotal(
            partition_key=day.isoformat(),
            day=day,
            totals={
                "rows": len(found),
                **{name: total(row[name] for row in found) for name in measures},
            },
            digest=digest(found),
        )
        for day, found in by_day.items()
    ]


def digest(rows: Iterable[Row]) -> str:
    """A fingerprint of the rows' content, whatever their order and their numbers' notation."""
    lines = sorted(json.dumps(row, default=_plain, sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _plain(value: object) -> str:
    return f"{EXACT.normalize(value):f}" if isinstance(value, Decimal) else str(value)
