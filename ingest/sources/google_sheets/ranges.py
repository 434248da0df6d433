"""The ranges of GOOGLE_SHEETS_RANGES: which cells of which spreadsheet become which table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.sources.google_sheets.settings import TABLE_NAME
from signalroom.clients import active_clients
from signalroom.errors import ConfigurationError
from signalroom.settings import require, variable

_NEXT = re.compile(r",\s*(?=[^,=!]+=[^,=!]+!)")  # a comma inside a tab's name ends no range

_CELLS = re.compile(r"([A-Za-z]*[0-9]*(:[A-Za-z]*[0-9]*)?)?")


@dataclass(frozen=True)
class SheetRange:
    """One range; `tab` and `cells` as a person writes them, `cells` may be missing."""

    table: str
    spreadsheet_id: str
    tab: str
    cells: str

    @property
    def name(self) -> str:
        """The range as the API reads it: a tab that is no plain word stands in quotes."""
        tab = self.tab
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", tab):
            quoted = tab.replace("'", "''")
            tab = f"'{quoted}'"
        return f"{tab}!{self.cells}" if self.cells else tab

    @property
    def key(self) -> str:
        """The range's name in the ledger."""
        return f"{self.spreadsheet_id}!{self.tab}" + (f"!{self.cells}" if self.cells else "")


def ranges(client_id: str) -> tuple[SheetRange, ...]:
    """The client's ranges; ConfigurationError for a malformed one and for a table named twice."""
    found = tuple(
        _range(part)
        for given in _NEXT.split(require("GOOGLE_SHEETS_RANGES", client_id))
        if (part := given.strip().strip(","))
    )
    names = [one.table for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"GOOGLE_SHEETS_RANGES for client {client_id} names table {name} twice."
            )
    return found


def refuse_shared_tabs(client_id: str) -> None:
    """Raise ConfigurationError when another client reads one of the client's tabs too."""
    own = {(one.spreadsheet_id, one.tab) for one in ranges(client_id)}
    for other in active_clients():
        if other.id != client_id and variable("GOOGLE_SHEETS_RANGES", other.id):
            shared = own & {(one.spreadsheet_id, one.tab) for one in ranges(other.id)}
            for spreadsheet_id, tab in sorted(shared):
                raise ConfigurationError(
                    f"google_sheets: clients {client_id} and {other.id} both read tab {tab} of "
                    f"{spreadsheet_id}; its rows would be loaded under two tags."
                )


def _range(text: str) -> SheetRange:
    table, _, place = text.partition("=")
    spreadsheet_id, _, rest = place.partition("!")
    tab, _, cells = rest.rpartition("!") if "!" in rest else (rest, "", "")
    table, spreadsheet_id, tab = table.strip(), spreadsheet_id.strip(), tab.strip()
    is_range = spreadsheet_id and tab and _CELLS.fullmatch(cells.strip())
    if not TABLE_NAME.fullmatch(table) or not is_range:
        raise ConfigurationError(
            f"GOOGLE_SHEETS_RANGES: {text!r} is no range; write table=spreadsheet_id!Tab!A1:Z, "
            "with a table of lower-case letters, digits and _."
        )
    if len(tab) > 1 and tab[0] == tab[-1] == "'":
        tab = tab[1:-1].replace("''", "'")
    return SheetRange(table, spreadsheet_id, tab, cells.strip())
