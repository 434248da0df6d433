"""Trends: a row of values as bars of an e-mail or as a line of block letters."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

Value = Decimal | int | None
LEVELS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"


def heights(values: Sequence[Value], tallest: int) -> list[int | None]:
    """Bar heights in pixels from a zero baseline; None where a value is unknown."""
    most = max((Decimal(value) for value in values if value is not None), default=Decimal(0))
    found: list[int | None] = []
    for value in values:
        if value is None:
            found.append(None)
        elif most <= 0 or value <= 0:
            found.append(1)
        else:
            found.append(max(1, int((Decimal(value) / most * tallest).to_integral_value())))
    return found


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
