"""The simulated agency as a program: `signalroom sandbox` runs it until it is interrupted."""

import threading
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask, Response, jsonify, request

from sandbox.agency import DEFAULT_SEED, Agency
from sandbox.clock import BUSINESS_ZONE, DEFAULT_NOW
from sandbox.server import Server

DEFAULT_PORT_BASE = 8710


def serve(
    announce: Callable[[str], None],
    host: str = "127.0.0.1",
    port_base: int | None = DEFAULT_PORT_BASE,
    now: datetime = DEFAULT_NOW,
    speed: float = 0.0,
    seed: int = DEFAULT_SEED,
    scenario: str = "default",
    stop: threading.Event | None = None,
) -> None:
    """Run until Ctrl-C or `stop`; `announce` gets the text to show once everything answers.

    Vendors take consecutive ports from `port_base`, the control endpoint the one after them.
    Raises SandboxError when a port is taken.
    """
    stop = stop or threading.Event()
    with Agency(seed, now, scenario, speed=speed, host=host, port_base=port_base) as agency:
        port = port_base + len(agency.vendors) if port_base else 0
        control = Server("control", host, port)
        try:
            control.start(control_app(agency))
            announce(environment_block(agency, control.base_url))
            stop.wait()
        except KeyboardInterrupt:
            return
        finally:
            control.stop()


def environment_block(agency: Agency, control_url: str) -> str:
    """Lines of an `.env` file, with a word on how to move time."""
    lines = [
        f"# The simulated agency runs; simulated now is {agency.now().isoformat()}.",
        f"# Move time:  curl -X POST '{control_url}/_sandbox/now?to=2026-11-20T07:05'",
        f"# Look:       {control_url}/_sandbox/messages  {control_url}/_sandbox/truth/713",
    ]
    lines += [f'{name}="{value}"' for name, value in agency.environment().items()]
    return "\n".join(lines)


def control_app(agency: Agency) -> Flask:
    """`/_sandbox/now` (GET, POST with `to`), `/_sandbox/messages`, `/_sandbox/truth/<client>`."""
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
            {name: [_plain(row) for row in rows] for name, rows in vars(found).items()}
        ), 200

    return app


def _day(name: str) -> date | None:
    text = request.args.get(name)
    return date.fromisoformat(text) if text else None


def _plain(row: dict[str, object]) -> dict[str, Any]:
    """Amounts as exact text, days as ISO."""
    return {
        name: format(value, "f") if isinstance(value, Decimal)
        else value.isoformat() if isinstance(value, date) else value
        for name, value in row.items()
    }  # fmt: skip
