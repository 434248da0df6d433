"""A small control endpoint: set simulated time, read the truth and sent messages."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from sandbox.clock import BUSINESS_ZONE
from sandbox.inbox import inbox_page

if TYPE_CHECKING:
    from sandbox.agency import Agency


def control_app(agency: "Agency") -> Flask:
    """Below `/_sandbox`: `now` (GET, POST with `to`), `messages`, `truth/713`, `changes/713`."""
    app = Flask("control")

    @app.get("/_sandbox/now")
    def read_now() -> Response:
        return jsonify(now=agency.now().isoformat())

    @app.post("/_sandbox/now")
    def set_now() -> tuple[Response, int]:
        body = request.get_json(silent=True)
        wanted = request.values.get("to") or (body.get("to") if isinstance(body, dict) else None)
        try:
            moment = datetime.fromisoformat(str(wanted))
        except ValueError:
            return jsonify(error=f"to must be an ISO timestamp, not {wanted!r}"), 400
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=BUSINESS_ZONE)
        agency.set_now(moment)
        return jsonify(now=agency.now().isoformat()), 200

    @app.get("/_sandbox/inbox")
    def inbox() -> str:
        return inbox_page(agency.messages, agency.now())

    @app.get("/_sandbox/messages")
    def messages() -> Response:
        return jsonify(
            [
                {"channel": row.channel, "client": row.client, "id": row.message_id,
                 "to": list(row.recipients), "text": row.text, "at": row.at.isoformat(),
                 "attachments": [name for name, _ in row.attachments]}
                for row in agency.messages
            ]
        )  # fmt: skip

    @app.get("/_sandbox/changes/<client>")
    def changes(client: str) -> tuple[Response, int]:
        if client not in agency.clients:
            return jsonify(error=f"no client {client!r}"), 404
        try:
            before, after = _moment("before"), _moment("after")
            days = _day("start") or agency.first_day, _day("end") or agency.now().date()
        except ValueError as error:
            return jsonify(error=str(error)), 400
        return jsonify([_plain(row) for row in agency.changes(client, before, after, *days)]), 200

    @app.get("/_sandbox/truth/<client>")
    def truth(client: str) -> tuple[Response, int]:
        if client not in agency.clients:
            return jsonify(error=f"no client {client!r}"), 404
        try:
            start, end = _day("start"), _day("end")
        except ValueError as error:
            return jsonify(error=str(error)), 400
        found = agency.truth(client, start, end)
        return jsonify(
            {
                name: [_plain(row) for row in rows]
                for name, rows in ((table, getattr(found, table)) for table in found.tables)
            }
        ), 200

    return app


def _day(name: str) -> date | None:
    text = request.args.get(name)
    return date.fromisoformat(text) if text else None


def _moment(name: str) -> datetime:
    moment = datetime.fromisoformat(request.args.get(name, ""))
    return moment if moment.tzinfo else moment.replace(tzinfo=BUSINESS_ZONE)


def _plain(row: dict[str, object]) -> dict[str, Any]:
    """Amounts as exact text, days as ISO."""
    return {
        name: format(value, "f") if isinstance(value, Decimal)
        else value.isoformat() if isinstance(value, date) else value
        for name, value in row.items()
    }  # fmt: skip
