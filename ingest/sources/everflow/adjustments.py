"""Everflow's manual adjustments: included in every total, but never among the conversions."""

from __future__ import annotations

from datetime import date
from typing import Any

from ingest.columns import by_key, read_fields, text, unknown_fields
from ingest.model import Pull, Row, Window, slices
from ingest.resources import daily
from ingest.sources.everflow.client import Network
from ingest.sources.everflow.columns import (
    ADJUSTMENT_COLUMNS,
    ADJUSTMENT_CONTROLLED,
    ADJUSTMENT_FIELDS,
)
from ingest.sources.everflow.settings import ADJUSTMENT_SLICE_DAYS
from signalroom.errors import AnswerError
from signalroom.plural import counted


@daily(columns=ADJUSTMENT_COLUMNS, measures=ADJUSTMENT_CONTROLLED, is_spared=True)
def adjustments(pull: Pull, network: Network) -> list[Row]:
    """The adjustments of every day of the window; deleted ones are included, with their mark."""
    rows: list[Row] = []
    for part in slices(pull.window, ADJUSTMENT_SLICE_DAYS):
        params = {"from": part.start.isoformat(), "to": part.end.isoformat()}
        answer = network.http.get("/networks/reportingadjustments", params)
        found = answer.get("adjustments", ()) if isinstance(answer, dict) else ()
        entries = [] if found is None else found
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise AnswerError(
                f"{pull}, {part}: the answer has no adjustments; nothing was loaded.", answer
            )
        rows += [_row(pull, part, entry) for entry in entries]
    pull.say(f"{counted(len(rows), 'adjustment')}")
    return by_key(rows, "network_reporting_adjustment_id")


def _row(pull: Pull, part: Window, entry: dict[str, Any]) -> Row:
    row = read_fields(entry, ADJUSTMENT_FIELDS, f"{pull}, adjustments")
    try:
        day = date.fromisoformat((text(entry.get("date_adjustment")) or "")[:10])
    except ValueError:
        day = None
    if day is None or row["network_reporting_adjustment_id"] is None:
        raise AnswerError(f"{pull}: an adjustment has no id or no date; nothing was loaded.", entry)
    if not part.start <= day <= part.end:
        raise AnswerError(
            f"{pull}: asked for adjustments of {part}, answered for {day}; nothing was loaded.",
            entry,
        )
    further = {name: entry[name] for name in entry if name != "date_adjustment"}
    return {
        "_client_id": pull.client_id,
        "date": day,
        **row,
        **unknown_fields(further, ADJUSTMENT_FIELDS),
    }
