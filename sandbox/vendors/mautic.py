"""Mautic's API with client credentials. Only client 713 has one."""

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from sandbox.stage import Stage
from sandbox.vendors.mautic_rows import (
    campaign_rows,
    contact_rows,
    email_rows,
    is_own,
    stat_rows,
    without_date,
)
from sandbox.vendors.mautic_search import SearchError, chosen, ordered, paged

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CLIENT_ID = "sandbox-mautic-client"
CLIENT_SECRET = "sandbox-mautic-secret-713"
LIST_LIMIT, STATS_LIMIT = 30, 100
STATS_TABLE = "email_stats"


class Mautic:
    name = "mautic"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}
        self._asked = 0  # lists without an order are returned in a different one each time

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            "MAUTIC_BASE_URL": base_url,
            "MAUTIC_CLIENT_ID": CLIENT_ID,
            "MAUTIC_CLIENT_SECRET": CLIENT_SECRET,
        }

    def close(self) -> None:
        return

    def app(self, base_url: str) -> "WSGIApplication":
        app = Flask("mautic")
        app.before_request(self._guard)
        app.register_error_handler(SearchError, lambda error: refuse(500, str(error)))
        app.register_error_handler(404, lambda error: refuse(404, "Not found"))
        app.add_url_rule("/oauth/v2/token", "token", self._token, methods=["POST"])
        app.add_url_rule("/api/contacts", "contacts", self._contacts)
        app.add_url_rule("/api/emails", "emails", self._emails)
        app.add_url_rule("/api/campaigns", "campaigns", self._campaigns)
        app.add_url_rule("/api/stats/<table>", "stats", self._stats)
        return app

    def _token(self) -> Response:
        # form fields only: JSON is ignored
        if request.form.get("grant_type") != "client_credentials":
            return refuse(400, "Invalid grant_type parameter or parameter missing",
                          "invalid_request")  # fmt: skip
        given = (request.form.get("client_id"), request.form.get("client_secret"))
        if given != (CLIENT_ID, CLIENT_SECRET):
            return refuse(400, "The client credentials are invalid", "invalid_client")
        lifetime = self._stage.caps.mautic_token_s
        token = f"sandbox-mautic-token-{secrets.token_hex(12)}"
        with self._lock:
            self._tokens[token] = time.monotonic() + lifetime
        return jsonify(
            access_token=token, expires_in=int(lifetime), token_type="bearer", scope=None
        )

    def _guard(self) -> Response | None:
        if not request.path.startswith("/api/"):
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            until = self._tokens.get(token)
            self._asked += 1
        if until is None:
            return refuse(401, "The access token provided is invalid.", "invalid_grant")
        if until <= time.monotonic():
            return refuse(401, "The access token provided has expired.", "invalid_grant")
        return None

    def _contacts(self) -> Response:
        quirks = self._stage.quirks
        rows = contact_rows(self._stage.world.mailing, self._stage.now())
        if quirks.mautic_own_contacts_only:
            rows = [row for row in rows if is_own(row["id"])]
        if quirks.mautic_zero_dates:
            rows = [without_date(row) for row in rows]
        rows = chosen(rows, _parameters())
        if request.args.get("orderBy"):
            rows = ordered(rows, request.args["orderBy"], request.args.get("orderByDir", "ASC"))
        else:
            # by last activity, and people are active all the time
            turn = self._asked * 17 % max(1, len(rows))
            rows = rows[turn:] + rows[:turn]
        page = self._paged(rows, LIST_LIMIT)
        return jsonify(
            total=str(self._total(rows, page)),
            contacts={str(row["id"]): row["_shown"] for row in page},
        )

    def _emails(self) -> Response:
        return self._listed("emails", email_rows(self._stage.world.mailing, self._stage.now()))

    def _campaigns(self) -> Response:
        rows = campaign_rows(self._stage.world.mailing, self._stage.now())
        return self._listed("campaigns", rows)

    def _listed(self, name: str, rows: list[dict[str, Any]]) -> Response:
        rows = ordered(
            rows, request.args.get("orderBy", "name"), request.args.get("orderByDir", "ASC")
        )
        page = self._paged(rows, LIST_LIMIT)
        # an empty list is PHP's empty array, a filled one an object
        return jsonify(
            {"total": self._total(rows, page), name: {str(row["id"]): row for row in page} or []}
        )

    def _total(self, rows: list[dict[str, Any]], page: list[dict[str, Any]]) -> int:
        return len(page if self.name in self._stage.quirks.page_totals else rows)

    def _paged(self, rows: list[dict[str, Any]], default: int) -> list[dict[str, Any]]:
        start, limit = (int(request.args.get(name, 0)) for name in ("start", "limit"))
        if self._stage.quirks.mautic_rows_move and start and limit:
            # one is deleted before the second page, one added before the third, and so on
            start += 1 if start // limit % 2 else -1
        return paged(rows, {**request.args, "start": str(start)}, default)

    def _stats(self, table: str) -> Response:
        if table != STATS_TABLE:
            return jsonify(availableTables=[STATS_TABLE, "campaign_leads"], tableColumns={})
        parameters = _parameters()
        rows = stat_rows(self._stage.world.mailing, self._stage.now())
        try:
            rows = chosen(rows, parameters)
            order = parameters.get("order[0][col]")
            if order:
                rows = ordered(rows, order, parameters.get("order[0][dir]", "ASC"))
            else:
                rows = sorted(rows, key=lambda row: (int(row["id"]) * (self._asked % 7 + 3)) % 101)
        except SearchError as error:
            # failures have status 200
            return jsonify(errors=[{"message": str(error), "code": 500, "type": None}])
        page = self._paged(rows, STATS_LIMIT)
        return jsonify(total=str(self._total(rows, page)), stats=[
            {name: None if value is None else str(value) for name, value in row.items()}
            for row in page
        ])  # fmt: skip


def refuse(status: int, text: str, kind: str | None = None) -> Response:
    response = jsonify(errors=[{"message": text, "code": status, "type": kind}])
    response.status_code = status
    return response


def _parameters() -> dict[str, str]:
    return request.args.to_dict()
