"""Rows after a read of the spreadsheets."""

from datetime import UTC, datetime

from sandbox.ledger.rows import Row
from sandbox.sheets import HEADERS, grids, text_of


def sheet(client: str, tab: str, now: int, is_loading: bool = False) -> list[Row]:
    """Rows of a tab, all text; blank rows are left out, but counted in `_row_id`."""
    grid = grids(client, datetime.fromtimestamp(now, UTC), is_loading).get(tab, [])
    columns = [column for _, column in HEADERS[tab]]
    rows: list[Row] = []
    for number, cells in enumerate(grid[1:]):
        if any(cell not in (None, "") for cell in cells):
            padded = [*cells, *[None] * (len(columns) - len(cells))]
            values = {name: text_of(cell) for name, cell in zip(columns, padded, strict=True)}
            rows.append({"_client_id": client, "_row_id": number} | values)
    return rows
