"""The gate of every vendor: logs requests and applies the planned faults."""

import io
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from sandbox.canned import canned
from sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Request:
    """One request to a vendor. `status` is None if it got no response."""

    vendor: str
    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]
    status: int | None
    fault: str | None


class Gate:
    """WSGI middleware around one vendor's application."""

    def __init__(
        self,
        vendor: str,
        app: "WSGIApplication",
        faults: Faults,
        log: list[Request],
        closing: threading.Event,
    ) -> None:
        self._vendor = vendor
        self._app = app
        self._faults = faults
        self._log = log
        self._closing = closing

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        body = _read(environ)
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING", "")
        text = f"{method} {path}?{query} {body.decode('utf-8', 'replace')}"
        fault = self._faults.take(self._vendor, text)
        environ["sandbox.fault"] = fault.kind if fault else None
        response = self._answer(environ, fault)
        self._log.append(
            Request(
                self._vendor,
                method,
                path,
                query,
                body,
                _headers(environ),
                response.status_code if response else None,
                fault.kind if fault else None,
            )
        )
        if response is None:
            _hang_up(environ)
            start_response("200 OK", [])  # into a closed socket: the server notices and stops
            return [b""]
        return response(environ, start_response)

    def _answer(self, environ: "WSGIEnvironment", fault: Fault | None) -> Response | None:
        """The response; None for a dropped connection."""
        kind = fault.kind if fault else None
        if fault is not None:
            if kind == "hang":
                self._closing.wait(fault.seconds)
            elif kind == "close_connection":
                return None
            instead = canned(fault)
            if instead is not None:
                return instead
        response = Response.from_app(self._app, environ, buffered=True)
        if fault is not None and kind in ("accept_then_close", "accept_then_hang"):
            if kind == "accept_then_hang":
                self._closing.wait(fault.seconds)
            return None
        if kind == "bad_json":
            response.set_data(response.get_data() + b'"}')
        if kind == "truncated_body":
            whole = response.get_data()
            response.set_data(whole[: len(whole) // 2])
            response.headers["Content-Length"] = str(len(whole))
        return response


def _read(environ: "WSGIEnvironment") -> bytes:
    """The request's body, which the application can still read."""
    if environ.get("wsgi.input_terminated"):
        body: bytes = environ["wsgi.input"].read()
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return body


def _headers(environ: "WSGIEnvironment") -> dict[str, str]:
    return {
        name.removeprefix("HTTP_").replace("_", "-").title(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    }


def _hang_up(environ: "WSGIEnvironment") -> None:
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the client was faster
