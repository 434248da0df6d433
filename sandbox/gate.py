"""The door of every vendor: keeps the log of requests and plays the planned faults."""

import io
import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Request:
    """One request that a vendor met. `status` is None when it was left without an answer."""

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
            return []
        return response(environ, start_response)

    def _answer(self, environ: "WSGIEnvironment", fault: Fault | None) -> Response | None:
        """What goes back; None for a connection that is dropped."""
        kind = fault.kind if fault else None
        if fault is not None:
            if kind == "hang":
                self._closing.wait(fault.seconds)
            elif kind == "close_connection":
                return None
            elif kind in _CANNED:
                return _CANNED[kind](fault)
        response = Response.from_app(self._app, environ, buffered=True)
        if kind == "accept_then_close":
            return None
        if kind == "bad_json":
            response.set_data(response.get_data() + b'"}')
        if kind == "truncated_body":
            whole = response.get_data()
            response.set_data(whole[: len(whole) // 2])
            response.headers["Content-Length"] = str(len(whole))
        return response


def _error(status: int, text: str) -> Response:
    return Response(json.dumps({"error": text}), status, content_type="application/json")


def _too_many(fault: Fault) -> Response:
    response = _error(429, "rate limit exceeded")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = f"{fault.retry_after:g}"
    return response


_CANNED: dict[str | None, Callable[[Fault], Response]] = {
    "status": lambda fault: _error(fault.status, "the request could not be served"),
    "status_500": lambda fault: _error(500, "internal error code=8"),
    "status_429": _too_many,
    "wrong_type": lambda fault: Response("<html><body>Maintenance</body></html>", 200,
                                         content_type="text/html"),
    "redirect_foreign": lambda fault: Response("", 302, {"Location": fault.location}),
}  # fmt: skip


def _read(environ: "WSGIEnvironment") -> bytes:
    """The request's body, left in place for the application."""
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
            return  # the client was quicker
