"""Single clicks of a business day, spread over its cells."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from sandbox.clock import day_bounds
from sandbox.events import Cell, DayLog, moment_of


class Click(NamedTuple):
    transaction_id: str
    at: int
    affiliate_id: int
    label: str
    advertiser_id: int
    place: int  # within its cell; the unique ones come first
    is_unique: bool
    has_conversion: bool


def clicks_of(log: DayLog, now: int) -> Iterator[Click]:
    """Valid clicks that Everflow shows at `now`; those of conversions come first in a cell."""
    if log.emptied is not None and log.emptied.covers(now):
        return
    for cell in log.cells:
        if cell.hidden is None or not cell.hidden.covers(now):
            yield from (click for click in _of_cell(log, cell) if click.at <= now)


def _of_cell(log: DayLog, cell: Cell) -> Iterator[Click]:
    opened, closed = day_bounds(log.day)
    name = (cell.affiliate_id, cell.advertiser_id)
    behind = [row for row in log.conversions if (row.affiliate_id, row.advertiser_id) == name]
    total = cell.unique_clicks + cell.duplicate_clicks
    for place in range(total):
        conversion = behind[place] if place < len(behind) else None
        if conversion is not None:
            at, seed = max(opened, conversion.clicked_at), conversion.conversion_id
        else:
            at = opened + int(moment_of((place + 0.5) / total) * (closed - opened))
            seed = f"{log.client}|{log.day}|{name}|{place}"
        yield Click(
            transaction_id(seed), at, cell.affiliate_id, cell.label, cell.advertiser_id, place,
            place < cell.unique_clicks, conversion is not None,
        )  # fmt: skip


def transaction_id(seed: str) -> str:
    """The id that Everflow gives to a click."""
    return hashlib.sha256(seed.encode()).hexdigest()[:32]
