"""The map of the states: drawn in tiles, and written in letters where pictures are not allowed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reports.messages.charts import Panel, Picture, Tile, tile_picture
from reports.shared.figures import ABSENT, count, ratio
from reports.state_performance.orders import LEAST_ATTEMPTS, Orders, percent, whole_percent
from reports.state_tiles import COLUMNS, ROWS, TILES, state_name, tile_code

SHADES = ((Decimal("0.15"), "░"), (Decimal("0.25"), "▒"), (Decimal("0.35"), "▓"))
DARKEST = "█"
SPOKEN = 20  # states that the words for the picture name


def map_picture(states: Sequence[Orders], period: str) -> Picture:
    """Two maps: attempts, and the rate of declines."""
    known = {one.name: one for one in states}
    most = max((one.attempts for one in states), default=0) or 1
    rates = [one.decline for one in states if one.decline is not None]
    highest = max(rates, default=Decimal(0)) or Decimal(1)
    orders, declines = [], []
    for code, (row, column) in TILES.items():
        one = known.get(code)
        if row == ROWS - 1 and one is None:
            continue  # territories are drawn where something came from there
        sold = one.attempts if one else 0
        share = ratio(Decimal(sold), most) if sold else None
        orders.append(Tile(tile_code(code), row, column, short_count(sold) if sold else "", share))
        rate = one.decline if one else None
        text = "" if one is None else ABSENT if rate is None else whole_percent(rate)
        weight = None if rate is None else ratio(rate, highest)
        declines.append(Tile(tile_code(code), row, column, text, weight))
    panels = (
        Panel("Where orders come from: attempts", tuple(orders), "Blues"),
        Panel(
            f"Where cards decline: of all attempts ({ABSENT}: under {LEAST_ATTEMPTS})",
            tuple(declines),
            "Oranges",
        ),
    )
    rows = max((tile.row for tile in orders), default=0) + 1
    words = "; ".join(
        f"{state_name(one.name)} {count(one.attempts)} orders, {percent(one.decline)} declined"
        for one in states[:SPOKEN]
    )
    return tile_picture("states", panels, rows, COLUMNS, f"Map of the states, {period}. {words}.")


def short_count(value: int) -> str:
    """A count in the room of a tile: `9,999`, `12k`, `3M`."""
    if value < 10_000:
        return count(value)
    return f"{value // 1000}k" if value < 1_000_000 else f"{value // 1_000_000:,}M"


def map_in_letters(states: Sequence[Orders]) -> str:
    """Two letters of each state and a shade for its rate of declines."""
    cells = [["    "] * COLUMNS for _ in range(ROWS)]
    known = {one.name: one for one in states}
    for code, (row, column) in TILES.items():
        state = known.get(code)
        if row < ROWS - 1 or state is not None:
            cells[row][column] = f"{tile_code(code)}{_shade(state)} "
    return "\n".join("".join(row).rstrip() for row in cells).rstrip()


def _shade(state: Orders | None) -> str:
    if state is None:
        return " "
    if state.decline is None:
        return "·"
    return next((shade for limit, shade in SHADES if state.decline < limit), DARKEST)
