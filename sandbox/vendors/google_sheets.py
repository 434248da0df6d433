"""Google Sheets v4 with service accounts."""

import json
import secrets
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, request

from sandbox.limits import CallWindow
from sandbox.sheets import SPREADSHEETS, Cell, grids, serial, without_errors
from sandbox.stage import Stage, per_client
from sandbox.vendors.google_accounts import RefusedError, credentials, issuer
from sandbox.vendors.google_ranges import RangeError, cut

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

EMAILS = {client: f"reader-{client}@sandbox.iam.example.org" for client in SPREADSHEETS}
RANGES = {
    "713": (
        "targets={0}!Targets!A1:G,budgets={0}!Budgets & plans!A1:Z,empty={0}!Empty!A1:Z"
    ).format(SPREADSHEETS["713"]),
    "cti": f"targets={SPREADSHEETS['cti']}!Targets!A1:G",
}
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
           404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}  # fmt: skip


class GoogleSheets:
    name = "google_sheets"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._calls = CallWindow(stage.limit_clock)
        self._tokens: dict[str, str] = {}  # token -> client
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        # tabs with which a test replaces the default ones
        self.tabs: dict[str, dict[str, list[list[Cell]]]] = {}

    def environment(self, base_url: str) -> dict[str, str]:
        folder = Path(self._folder.name) if self._folder else Path()
        paths = {client: str(folder / f"{client}.json") for client in EMAILS}
        return {
            **per_client("GOOGLE_SHEETS_CREDENTIALS_PATH", paths),
            **per_client("GOOGLE_SHEETS_RANGES", RANGES),
            **per_client("GOOGLE_SHEETS_BASE_URL", dict.fromkeys(EMAILS, base_url)),
        }

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def app(self, base_url: str) -> "WSGIApplication":
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-google-")
        for client, email in EMAILS.items():
            path = Path(self._folder.name) / f"{client}.json"
            path.write_text(json.dumps(credentials(email, f"{base_url}/token")), encoding="utf-8")
        app = Flask("google_sheets")
        app.before_request(self._guard)
        app.register_error_handler(RangeError, lambda error: refuse(400, str(error)))
        app.register_error_handler(404, lambda error: refuse(404, "not found"))
        app.add_url_rule("/token", "token", self._token, methods=["POST"])
        place = "/v4/spreadsheets/<spreadsheet>/values"
        app.add_url_rule(f"{place}:batchGet", "batch", self._batch)
        app.add_url_rule(f"{place}/<path:name>", "values", self._values)
        return app

    def _guard(self) -> Response | None:
        if request.path == "/token":
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        client = self._tokens.get(token)
        if client is None:
            return refuse(401, "Request had invalid authentication credentials.")
        if self._stage.quirks.sheets_api_disabled:
            return _disabled()
        if self._calls.wait(client, self._stage.caps.sheets_reads_per_minute) > 0:
            return _over_quota()
        g.client = client
        spreadsheet = (request.view_args or {}).get("spreadsheet")
        gone = {SPREADSHEETS[name] for name in self._stage.quirks.sheets_deleted}
        if spreadsheet in gone or spreadsheet not in SPREADSHEETS.values():
            return refuse(404, "Requested entity was not found.")
        if spreadsheet != SPREADSHEETS[client]:
            return refuse(403, "The caller does not have permission")
        return None

    def _token(self) -> Response:
        try:
            email = issuer(request.form.get("grant_type"), request.form.get("assertion"))
        except RefusedError as error:
            answer = jsonify({"error": "invalid_grant", "error_description": str(error)})
            answer.status_code = 400
            return answer
        token = f"ya29.sandbox-{secrets.token_hex(16)}"
        self._tokens[token] = next(client for client, one in EMAILS.items() if one == email)
        return jsonify({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _batch(self, spreadsheet: str) -> Response:
        found = [self._range(name) for name in request.args.getlist("ranges")]
        return jsonify({"spreadsheetId": spreadsheet, "valueRanges": found})

    def _values(self, spreadsheet: str, name: str) -> Response:
        return jsonify(self._range(name))

    def _range(self, name: str) -> dict[str, Any]:
        tabs = self.tabs.get(g.client) or grids(
            g.client, self._stage.moment(), self._stage.quirks.sheets_loading
        )
        if self._stage.quirks.sheets_clean:
            tabs = {tab: [without_errors(row) for row in rows] for tab, rows in tabs.items()}
        echo, rows = cut(name, tabs)
        shown = [[_shown(cell) for cell in row] for row in rows]
        found: dict[str, Any] = {"range": echo, "majorDimension": "ROWS"}
        # trailing blanks of rows and of the range are omitted; an empty range has no values
        trimmed = [_without_tail(row, "") for row in shown]
        if values := _without_tail(trimmed, []):
            found["values"] = values
        return found


def _shown(cell: Cell) -> Any:
    if cell is None:
        return ""
    if request.args.get("valueRenderOption", "FORMATTED_VALUE") != "FORMATTED_VALUE":
        is_serial = request.args.get("dateTimeRenderOption", "SERIAL_NUMBER") == "SERIAL_NUMBER"
        if isinstance(cell, date):
            return serial(cell) if is_serial else cell.isoformat()
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (date, datetime)):
        return f"{cell:%m/%d/%Y}"
    return f"{cell:,}" if isinstance(cell, (int, float)) else cell


def _without_tail(items: list[Any], blank: object) -> list[Any]:
    end = len(items)
    while end and items[end - 1] == blank and not isinstance(items[end - 1], (int, float)):
        end -= 1
    return items[:end]


def refuse(status: int, text: str) -> Response:
    body = {"error": {"code": status, "message": text, "status": _STATUS[status]}}
    response = jsonify(body)
    response.status_code = status
    return response


def _disabled() -> Response:
    """The Sheets API is disabled in the project."""
    address = "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview"
    text = ("Google Sheets API has not been used in project 1234 before or it is disabled. Enable "
            f"it by visiting {address}?project=1234 then retry.")  # fmt: skip
    response = refuse(403, text)
    body = response.get_json()
    body["error"]["details"] = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
         "domain": "googleapis.com",
         "metadata": {"service": "sheets.googleapis.com", "consumer": "projects/1234"}}
    ]  # fmt: skip
    response.set_data(json.dumps(body))
    return response


def _over_quota() -> Response:
    limit = "Read requests per minute per user"
    text = (f"Quota exceeded for quota metric 'Read requests' and limit '{limit}' of service "
            "'sheets.googleapis.com' for consumer 'project_number:1234'.")  # fmt: skip
    response = refuse(429, text)
    body = response.get_json()
    body["error"]["details"] = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED",
         "domain": "googleapis.com"}
    ]  # fmt: skip
    response.set_data(json.dumps(body))
    return response
