"""The service account: its key, and the access tokens requested with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from ingest.http import BearerTokens, Connection, RateLimit, VendorClient
from ingest.model import Pull
from ingest.sources.google_sheets.settings import (
    ASSERTION_SECONDS,
    AUDIENCE,
    GRANT,
    RATE_LIMIT,
    RENDER,
    SCOPE,
    SheetRange,
)
from signalroom import clock, logs
from signalroom.errors import AbsentError, AnswerError, ConfigurationError, ForbiddenError
from signalroom.paths import root

NEEDED = ("client_email", "private_key", "token_uri")


@dataclass(frozen=True)
class ServiceAccount:
    """The account's email address and token endpoint; its key is never shown."""

    email: str
    token_uri: str
    _info: dict[str, Any] = field(repr=False)

    def assertion(self) -> str:
        """A signed assertion, valid for an hour."""
        from google.auth import crypt, jwt

        issued = int(clock.instant().timestamp())
        claims = {
            "iss": self.email,
            "scope": SCOPE,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + ASSERTION_SECONDS,
        }
        try:
            signer = crypt.RSASigner.from_service_account_info(self._info)  # type: ignore[no-untyped-call]
            signed: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError):
            raise ConfigurationError(
                f"google_sheets: the private key of {self.email} cannot be read; download the "
                "service account's key again."
            ) from None
        return signed.decode()


def service_account(pull: Pull) -> ServiceAccount:
    """The client's service account; ConfigurationError, without the key, where it is malformed."""
    client_id = pull.client_id
    content = pull.variable("GOOGLE_SHEETS_CREDENTIALS_JSON")
    where = "GOOGLE_SHEETS_CREDENTIALS_JSON"
    if content is None:
        where = "GOOGLE_SHEETS_CREDENTIALS_PATH"
        path = root() / (pull.variable(where) or "")
        try:
            content = path.expanduser().read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ConfigurationError(
                f"{where} for client {client_id}: the file {path} cannot be read: {reason}."
            ) from None
    try:
        info = json.loads(content.removeprefix("\ufeff"))
    except json.JSONDecodeError:
        info = None
    lacking = [name for name in NEEDED if not isinstance(info, dict) or not info.get(name)]
    if lacking:
        raise ConfigurationError(
            f"{where} for client {client_id} is not a service account's key: it lacks "
            f"{', '.join(lacking)}. Download the key as JSON from Google Cloud."
        )
    return ServiceAccount(str(info["client_email"]), str(info["token_uri"]), info)


Grid = list[list[Any]]


class Spreadsheets(Connection):
    """Reads each of a client's spreadsheets once, with all of its ranges, when first needed."""

    def __init__(self, pull: Pull, ranges: Sequence[SheetRange]) -> None:
        super().__init__(pull)
        self._ranges = ranges
        self._grids: dict[SheetRange, Grid | AnswerError] = {}

    @cached_property
    def _account(self) -> ServiceAccount:
        return service_account(self.pull)

    def open(self) -> VendorClient:
        """The API; a refused key is raised here, as it affects every spreadsheet."""
        place = urlsplit(self._account.token_uri)
        tokens = BearerTokens(
            lambda: VendorClient(
                "google_sheets", self.pull.client_id, f"{place.scheme}://{place.netloc}"
            ),
            place.path or "/",
            self._form,
        )
        tokens()
        return VendorClient(
            "google_sheets",
            self.pull.client_id,
            self.pull.require("GOOGLE_SHEETS_BASE_URL"),
            limit=RateLimit(*RATE_LIMIT),
            address="GOOGLE_SHEETS_BASE_URL",
            token=tokens,
        )

    def _form(self) -> dict[str, str]:
        assertion = self._account.assertion()
        logs.learn(assertion)
        return {"grant_type": GRANT, "assertion": assertion}

    def grid(self, wanted: SheetRange) -> Grid:
        """The range's cells, row by row; AnswerError where they cannot be read."""
        if wanted not in self._grids:
            self._read([one for one in self._ranges if one.spreadsheet_id == wanted.spreadsheet_id])
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
            else:  # one bad range fails the whole request: find out which
                for one in together:
                    self._read([one])

    def _ask(self, together: Sequence[SheetRange]) -> list[Grid]:
        spreadsheet_id = together[0].spreadsheet_id
        path = f"/v4/spreadsheets/{quote(spreadsheet_id, safe='')}/values:batchGet"
        names = [one.name for one in together]
        try:
            answer = self.http.get(path, {"ranges": names, **RENDER})
        except AbsentError as error:
            if path not in str(error):  # the token endpoint, not the spreadsheet
                raise
            tables = ", ".join(one.table for one in together)
            raise AnswerError(
                f"{self.pull}: spreadsheet {spreadsheet_id} of {tables} is not there: it was "
                "deleted, or GOOGLE_SHEETS_RANGES has a typing error. Its tables keep what they "
                f"had. ({error})"
            ) from None
        except ForbiddenError as error:
            if path not in str(error):  # the token was refused, not the spreadsheet
                raise
            fault = (
                f"spreadsheet {spreadsheet_id} is not shared with {self._account.email}: share it "
                "with that address as a viewer"
            )
            if "SERVICE_DISABLED" in str(error) or "has not been used in project" in str(error):
                fault = (
                    f"the Google Sheets API is off in the project of {self._account.email}: switch "
                    "it on in the Google Cloud console"
                )
            raise AnswerError(
                f"{self.pull}: {fault}. Its tables keep their rows. ({error})"
            ) from None
        found = answer.get("valueRanges") if isinstance(answer, dict) else None
        if not isinstance(found, list) or len(found) != len(together):
            raise AnswerError(
                f"{self.pull}: asked for {len(together)} "
                f"ranges of {spreadsheet_id}, the answer has another number; its tables keep what "
                "they had."
            )
        return [self._cells(one, given) for one, given in zip(together, found, strict=True)]

    def _cells(self, one: SheetRange, given: object) -> Grid:
        """The rows of a value range; an empty one has no `values` at all."""
        rows = (given.get("values") or []) if isinstance(given, dict) else None
        if isinstance(rows, list):
            rows = [[] if row is None else row for row in rows]
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise AnswerError(
                f"{self.pull}, {one.table}: the values are no "
                "rows of cells; the table keeps its rows."
            )
        return rows
