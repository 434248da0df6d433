"""Tells measures that a vendor renamed or dropped from those that are zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.model import Pull
from ingest.values import is_number
from signalroom.errors import AnswerError
from signalroom.plural import counted

FEW_ROWS = 10  # of one response; the whole pull shows whether a measure is gone
Rows = Sequence[Mapping[str, Any]]


def require_measures(
    pull: Pull,
    table: str,
    rows: Rows,
    required: Sequence[str],
    is_part: bool = False,
) -> None:
    """Raise AnswerError where a measure was renamed or dropped, rather than being zero.

    That is the case where no row has it, or where all rows without it have a number that no other
    row has. Parts of a pull are checked too, unless they are small: the change may fall between two
    responses.
    """
    for name in required:
        lacking = [row for row in rows if row.get(name) is None]
        instead = _instead(rows, lacking, name) if 0 < len(lacking) < len(rows) else ""
        is_gone = lacking and len(lacking) == len(rows) and not (is_part and len(rows) < FEW_ROWS)
        if is_gone or instead:
            raise AnswerError(
                f"{pull}, {table} of {pull.window}: no {name} in {counted(len(lacking), 'row')}; "
                f"the vendor renamed or dropped it{instead}. Nothing was loaded; the table keeps "
                "its rows."
            )


def days_without(rows: Rows, required: Sequence[str]) -> list[str]:
    """The days on which no row has a measure that rows of another day have, in words."""
    told = []
    for name in required:
        days = {row["date"] for row in rows if "date" in row}
        having = {row["date"] for row in rows if "date" in row and row.get(name) is not None}
        if having and having < days:
            gone = ", ".join(str(day) for day in sorted(days - having))
            told.append(f"the vendor gave no {name} for {gone}; it is missing there, not zero")
    return told


def _instead(rows: Rows, lacking: Rows, measure: str) -> str:
    """What the rows without a measure have instead, in words."""
    others = {name for row in rows if row.get(measure) is not None for name in row}
    own = set.intersection(
        *({name for name in row.keys() - others if is_number(row[name])} for row in lacking)
    )
    return f", and gives {', '.join(sorted(own))} instead" if own else ""
