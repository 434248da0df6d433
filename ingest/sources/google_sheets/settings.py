"""Google Sheets: its variables, and which cells of which spreadsheet become which table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from signalroom.clients import active_clients
from signalroom.errors import ConfigurationError
from signalroom.settings import require, variable

TITLE = "Google Sheets"
VARIABLES: Mapping[str, Mapping[str, object]] = {
    "GOOGLE_SHEETS_CREDENTIALS_PATH": {
        "shared": True,
        "about": "file with the service account's key as JSON",
    },
    "GOOGLE_SHEETS_CREDENTIALS_JSON": {
        "secret": True,
        "shared": True,
        "about": "or the key itself, as JSON",
    },
    "GOOGLE_SHEETS_RANGES": {"about": "ranges, comma separated: table=spreadsheet_id!Tab!A1:Z"},
    "GOOGLE_SHEETS_ACCEPTED_HEADERS": {
        "about": "changed headers that are accepted, comma separated, as the refusal names them"
    },
    "GOOGLE_SHEETS_BASE_URL": {
        "shared": True,
        "default": "https://sheets.googleapis.com",
        "about": "address of the API",
    },
}
REQUIRED = (
    "GOOGLE_SHEETS_CREDENTIALS_PATH or GOOGLE_SHEETS_CREDENTIALS_JSON",
    "GOOGLE_SHEETS_RANGES",
)
TABLES: Mapping[str, str] = {}  # a table for each configured range, replaced as a whole

RATE_LIMIT = (50, 60.0)  # calls, seconds; 60 a minute per user, including service accounts
SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
# The audience of an assertion is Google's address, even if the key names another endpoint.
AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 3600
# Raw values, not formatted ones: formatting depends on the sheet's locale and loses digits.
RENDER = {
    "majorDimension": "ROWS",
    "valueRenderOption": "UNFORMATTED_VALUE",
    "dateTimeRenderOption": "SERIAL_NUMBER",
}
# Cells of a failed formula, or of an IMPORTRANGE that is still loading.
ERROR_CELL = re.compile(
    r"#(N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|ERROR!|SPILL!|CALC!)|#?(?i:loading)(\.{2,}|\u2026)"
)
TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,54}")
LONGEST_NAME = 55  # PostgreSQL takes 63 bytes, and a number may follow
_NEXT = re.compile(r",\s*(?=[^,=!]+=[^,=!]+!)")  # a comma inside a tab's name does not end a range

_CELLS = re.compile(r"([A-Za-z]*[0-9]*(:[A-Za-z]*[0-9]*)?)?")


@dataclass(frozen=True)
class SheetRange:
    """One range; `tab` and `cells` as configured, `cells` may be empty."""

    table: str
    spreadsheet_id: str
    tab: str
    cells: str

    @property
    def name(self) -> str:
        """The range in A1 notation: a tab that is not a plain word is quoted."""
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
    """Raise ConfigurationError when another client also reads one of the client's tabs."""
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
            f"GOOGLE_SHEETS_RANGES: {text!r} is not a valid range; write "
            "table=spreadsheet_id!Tab!A1:Z, with a table of lower-case letters, digits and _."
        )
    if len(tab) > 1 and tab[0] == tab[-1] == "'":
        tab = tab[1:-1].replace("''", "'")
    return SheetRange(table, spreadsheet_id, tab, cells.strip())


def client_tables(client_id: str) -> tuple[str, ...]:
    """The tables of a client: one for each of its ranges."""
    return tuple(one.table for one in ranges(client_id))


def account(client_id: str) -> str:
    """What identifies the account: the ranges, as one service account may serve all clients."""
    return "\n".join(sorted(one.key for one in ranges(client_id)))
