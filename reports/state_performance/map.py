"""The map of the states: as tiles, and as text where pictures are not allowed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reports.charts import Panel, Picture, Tile, tile_picture
from reports.shared.figures import ABSENT, count, percent, ratio, whole_percent
from reports.state_performance.orders import LEAST_ATTEMPTS, Orders, together
from signalroom.plural import counted

ELSEWHERE = "ZZ"
ROWS, COLUMNS = 9, 12
BEYOND = (7, 11)  # the tile for everything that is not a state
# fmt: off
TILES = {
    "AK": (0, 0), "ME": (0, 11),
    "VT": (1, 10), "NH": (1, 11),
    "WA": (2, 1), "ID": (2, 2), "MT": (2, 3), "ND": (2, 4), "MN": (2, 5), "IL": (2, 6),
    "WI": (2, 7), "MI": (2, 8), "NY": (2, 9), "RI": (2, 10), "MA": (2, 11),
    "OR": (3, 1), "NV": (3, 2), "WY": (3, 3), "SD": (3, 4), "IA": (3, 5), "IN": (3, 6),
    "OH": (3, 7), "PA": (3, 8), "NJ": (3, 9), "CT": (3, 10),
    "CA": (4, 1), "UT": (4, 2), "CO": (4, 3), "NE": (4, 4), "MO": (4, 5), "KY": (4, 6),
    "WV": (4, 7), "VA": (4, 8), "MD": (4, 9), "DE": (4, 10),
    "AZ": (5, 2), "NM": (5, 3), "KS": (5, 4), "AR": (5, 5), "TN": (5, 6), "NC": (5, 7),
    "SC": (5, 8), "DC": (5, 9),
    "OK": (6, 4), "LA": (6, 5), "MS": (6, 6), "AL": (6, 7), "GA": (6, 8),
    "HI": (7, 0), "TX": (7, 4), "FL": (7, 9),
    "AS": (8, 1), "GU": (8, 2), "MP": (8, 3), "PR": (8, 10), "VI": (8, 11),
    "AA": (8, 5), "AE": (8, 6), "AP": (8, 7), ELSEWHERE: (8, 8),
}
NAMES = {
    "AK": "Alaska", "AL": "Alabama", "AR": "Arkansas", "AZ": "Arizona", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DC": "Washington, DC", "DE": "Delaware",
    "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "IA": "Iowa", "ID": "Idaho",
    "IL": "Illinois", "IN": "Indiana", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "MA": "Massachusetts", "MD": "Maryland", "ME": "Maine", "MI": "Michigan", "MN": "Minnesota",
    "MO": "Missouri", "MS": "Mississippi", "MT": "Montana", "NC": "North Carolina",
    "ND": "North Dakota", "NE": "Nebraska", "NH": "New Hampshire", "NJ": "New Jersey",
    "NM": "New Mexico", "NV": "Nevada", "NY": "New York", "OH": "Ohio", "OK": "Oklahoma",
    "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina",
    "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VA": "Virginia",
    "VT": "Vermont", "WA": "Washington", "WI": "Wisconsin", "WV": "West Virginia",
    "WY": "Wyoming", "AS": "American Samoa", "GU": "Guam", "MP": "Northern Marianas",
    "PR": "Puerto Rico", "VI": "Virgin Islands", "AA": "Military, Americas",
    "AE": "Military, Europe", "AP": "Military, Pacific", ELSEWHERE: "Other/unknown",
}
# fmt: on


def state_name(code: str) -> str:
    """A state's display name."""
    return NAMES.get(code, code)


def tile_code(code: str) -> str:
    """The two letters of a tile; anything that is not a state has marks instead of a code."""
    return "··" if code == ELSEWHERE else code


SHADES = ((Decimal("0.15"), "░"), (Decimal("0.25"), "▒"), (Decimal("0.35"), "▓"))
DARKEST = "█"
SPOKEN = 20  # states listed in the picture's text version


def map_picture(states: Sequence[Orders], period: str) -> Picture:
    """Two maps: attempts, and the rate of declines."""
    known = {one.name: one for one in states}
    most = max((one.attempts for one in states), default=0) or 1
    rates = [one.decline for one in states if one.decline is not None]
    highest = max(rates, default=Decimal(0)) or Decimal(1)
    orders, declines = [], []
    for code, (row, column) in TILES.items():
        one = known.get(code)
        if row == ROWS - 1:
            continue  # territories and unknown places share one tile
        sold = one.attempts if one else 0
        share = ratio(Decimal(sold), most) if sold else None
        orders.append(Tile(tile_code(code), row, column, short_count(sold) if sold else "", share))
        rate = one.decline if one else None
        text = "" if one is None else ABSENT if rate is None else whole_percent(rate)
        weight = None if rate is None else ratio(rate, highest)
        declines.append(Tile(tile_code(code), row, column, text, weight))
    rest = _beyond(states)
    if rest is not None:
        share = ratio(Decimal(rest.attempts), most)
        orders.append(Tile("other", *BEYOND, short_count(rest.attempts), share))
        text = ABSENT if rest.decline is None else whole_percent(rest.decline)
        weight = None if rest.decline is None else ratio(rest.decline, highest)
        declines.append(Tile("other", *BEYOND, text, weight))
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
        f"{state_name(one.name)} {counted(one.attempts, 'attempt')}, "
        f"{percent(one.decline)} declined"
        for one in states[:SPOKEN]
    )
    return tile_picture("states", panels, rows, COLUMNS, f"Map of the states, {period}. {words}.")


def _beyond(states: Sequence[Orders]) -> Orders | None:
    """Territories, the military and anything that is not a state, together."""
    found = [one for one in states if TILES[one.name][0] == ROWS - 1]
    return together(found[0].client_id, found) if found else None


def short_count(value: int) -> str:
    """A count that fits in a tile: `9,999`, `12k`, `3M`."""
    if value < 10_000:
        return count(value)
    return f"{value // 1000}k" if value < 1_000_000 else f"{value // 1_000_000:,}M"


def map_in_letters(states: Sequence[Orders]) -> str:
    """Two letters of each state and a shade for its decline rate."""
    cells = [["   "] * COLUMNS for _ in range(ROWS)]
    known = {one.name: one for one in states}
    for code, (row, column) in TILES.items():
        state = known.get(code)
        if row < ROWS - 1 or state is not None:
            cells[row][column] = f"{tile_code(code)}{_shade(state)}"
    return "\n".join("".join(row).rstrip() for row in cells).rstrip()


def _shade(state: Orders | None) -> str:
    if state is None:
        return " "
    if state.decline is None:
        return "·"
    return next((shade for limit, shade in SHADES if state.decline < limit), DARKEST)
