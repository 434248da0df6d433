"""Trends: a row of values as a line of block letters."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

Value = Decimal | int | None
LEVELS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"


def sparkline(values: Sequence[Value]) -> str:
    """One block letter per value between the least and the most; a dot where it is unknown."""
    known = [Decimal(value) for value in values if value is not None]
    if not known:
        return UNKNOWN * len(values)
    low, span = min(known), max(known) - min(known)
    letters = []
    for value in values:
        if value is None:
            letters.append(UNKNOWN)
        elif span == 0:
            letters.append(LEVELS[3])
        else:
            share = (Decimal(value) - low) / span
            letters.append(LEVELS[int((share * (len(LEVELS) - 1)).to_integral_value())])
    return "".join(letters)


def extremes(values: Sequence[Value]) -> tuple[Value, Value]:
    """The least and the most of the known values."""
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (None, None)
