"""The values API: one request for all ranges of a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ingest.http import VendorClient
from ingest.landing import Pull
from ingest.sources.google_sheets.client import Tokens, service_account
from ingest.sources.google_sheets.ranges import SheetRange
from ingest.sources.google_sheets.settings import RATE_LIMIT, RENDER
from signalroom.errors import AnswerError, CredentialsError
from signalroom.settings import require

Grid = list[list[Any]]


class Spreadsheets:
    """Reads a client's spreadsheets, each once, all of its ranges together."""

    def __init__(self, pull: Pull, asked: Sequence[SheetRange]) -> None:
        self._pull = pull
        self._asked = asked
        self._account = service_account(pull.client_id)
        self._tokens = Tokens(pull.client_id, self._account)
        self._grids: dict[SheetRange, Grid | AnswerError] = {}
        self._http = VendorClient(
            "google_sheets",
            pull.client_id,
            require("GOOGLE_SHEETS_BASE_URL", pull.client_id),
            limit=RATE_LIMIT,
            token=self._tokens,
        )

    def __enter__(self) -> Spreadsheets:
        self._tokens()  # a key that is refused is no fault of any spreadsheet
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__()

    def grid(self, wanted: SheetRange) -> Grid:
        """The range's cells, row by row; AnswerError where they cannot be read."""
        if wanted not in self._grids:
            self._read([one for one in self._asked if one.spreadsheet_id == wanted.spreadsheet_id])
        found = self._grids[wanted]
        if isinstance(found, AnswerError):
            raise found
        return found

    def _read(self, together: Sequence[SheetRange]) -> None:
        try:
            self._grids.update(zip(together, self._ask(together), strict=True))
        except AnswerError as error:
            if len(together) == 1:
                self._grids[together[0]] = error
            else:  # one bad range spoils the whole answer: which one?
                for one in together:
                    self._read([one])

    def _ask(self, together: Sequence[SheetRange]) -> list[Grid]:
        spreadsheet_id = together[0].spreadsheet_id
        path = f"/v4/spreadsheets/{quote(spreadsheet_id, safe='')}/values:batchGet"
        names = [one.name for one in together]
        try:
            answer = self._http.get(path, {"ranges": names, **RENDER})
        except CredentialsError as error:
            if "HTTP 403" not in str(error):
                raise
            raise AnswerError(
                f"google_sheets for client {self._pull.client_id}: spreadsheet {spreadsheet_id} is "
                f"not shared with {self._account.email}: share it with that address as a viewer. "
                f"Its tables keep what they had. ({error})"
            ) from None
        found = answer.get("valueRanges") if isinstance(answer, dict) else None
        if not isinstance(found, list) or len(found) != len(together):
            raise AnswerError(
                f"google_sheets for client {self._pull.client_id}: asked for {len(together)} "
                f"ranges of {spreadsheet_id}, the answer has another number; its tables keep what "
                "they had."
            )
        return [self._cells(one, given) for one, given in zip(together, found, strict=True)]

    def _cells(self, one: SheetRange, given: object) -> Grid:
        """The rows of a value range; an empty one has no `values` at all."""
        rows = given.get("values", []) if isinstance(given, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise AnswerError(
                f"google_sheets for client {self._pull.client_id}, {one.table}: the values are no "
                "rows of cells; the table keeps what it had."
            )
        return rows
