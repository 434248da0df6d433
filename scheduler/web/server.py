"""The scheduler's HTTP server: /health and /ready for probes, /metrics, the page, the webhook.

Read only but for POST /trigger/JOB. Few connections, short timeouts and small bodies, so that
nobody who reaches the port can hold up the process.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from scheduler.schedule import Job
from scheduler.status.freshness import KeptFacts
from scheduler.status.health import Pulse, complaint, is_ready
from scheduler.web import access as web_access
from scheduler.web import page
from scheduler.web.access import Access, Pace
from signalroom.errors import SignalRoomError
from signalroom.masking import mask

log = logging.getLogger(__name__)
CONNECTIONS = 32
TIMEOUT_S = 10
BODY_LIMIT = 64 * 1024
TRIGGER_EVERY_S = 60.0
JSON, HTML = "application/json", "text/html; charset=utf-8"
NOTHING: Mapping[str, str] = MappingProxyType({})
ASK = {"WWW-Authenticate": "Bearer"}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that is answered with a status and one readable line; people get a page."""

    def __init__(
        self, status: HTTPStatus, line: str, headers: Mapping[str, str] = NOTHING, html: str = ""
    ) -> None:
        super().__init__(line)
        self.status, self.headers, self.html = status, headers, html


class WebServer(ThreadingHTTPServer):
    """The server; `trigger` starts a job by name and returns the run's id."""

    daemon_threads = True
    request_queue_size = CONNECTIONS

    def __init__(
        self,
        address: tuple[str, int],
        pulse: Pulse,
        jobs: list[Job],
        trigger: Callable[[str], str],
    ) -> None:
        self.pulse, self.jobs, self.trigger = pulse, jobs, trigger
        self.access = Access(beyond_loopback=not web_access.is_loopback(address[0]))
        self.facts = KeptFacts()
        self.pace = Pace(TRIGGER_EVERY_S)
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__(address, Handler)

    def start(self, poll_s: float = 0.5) -> None:
        """Serve in a thread until `close`, for whose end it looks every `poll_s` seconds."""
        thread = threading.Thread(target=self.serve_forever, args=(poll_s,), name="web")
        thread.daemon = True
        thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("a visitor left early", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: WebServer
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        self._answer(self._get)

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def do_POST(self) -> None:
        self._answer(self._post)

    def _answer(self, route: Callable[[str, dict[str, str]], None]) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        try:
            route(unquote(parts.path), query)
        except Refusal as refusal:
            if refusal.html:
                self._send(refusal.status, HTML, refusal.html, {**page.HEADERS, **refusal.headers})
            else:
                said = {"ok": False, "error": str(refusal)}
                self._send(refusal.status, JSON, json.dumps(said), refusal.headers)
        except OSError:
            raise  # the visitor has gone
        except Exception as error:
            log.exception("%s %s failed", self.command, parts.path)
            readable = mask(str(error)) if isinstance(error, SignalRoomError) else "see the log"
            said = {"ok": False, "error": f"This cannot be shown now: {readable}"}
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, JSON, json.dumps(said))

    def _get(self, path: str, query: dict[str, str]) -> None:
        if path == "/health":
            wrong = complaint(self.server.pulse, self.server.jobs)
            self._send_ok(wrong is None, wrong)
        elif path == "/ready":
            self._send_ok(is_ready(self.server.pulse), "starting or stopping")
        elif path == "/" and "token" in query:
            self._let_in(query["token"])
        elif path in ("/", "/metrics") or path.startswith("/reports/"):
            self._admit(path)
            if path == "/":
                self._send(HTTPStatus.OK, HTML, page.overview(self.server.facts), page.HEADERS)
            elif path == "/metrics":
                from scheduler.status.metrics import exposition

                accept = self.headers.get("Accept", "")
                self._send(HTTPStatus.OK, *exposition(self.server.facts, accept))
            else:
                html = page.mail(path.removeprefix("/reports/"))
                if html is None:
                    raise Refusal(HTTPStatus.NOT_FOUND, "There is no such report.")
                self._send(HTTPStatus.OK, HTML, html, page.MAIL_HEADERS)
        else:
            raise Refusal(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _post(self, path: str, _: dict[str, str]) -> None:
        self._read_body()
        if not path.startswith("/trigger/"):
            raise Refusal(HTTPStatus.NOT_FOUND, "There is nothing here.")
        token = web_access.trigger_token()
        if not web_access.matches(web_access.bearer(self.headers["Authorization"]), token):
            line = "Send the header `Authorization: Bearer <SIGNALROOM_TRIGGER_TOKEN>`."
            if token is None:
                line = "SIGNALROOM_TRIGGER_TOKEN is not set: nobody can start a job from outside."
            raise Refusal(HTTPStatus.UNAUTHORIZED, line, ASK)
        job = path.removeprefix("/trigger/")
        if job not in [one.name for one in self.server.jobs]:
            names = ", ".join(one.name for one in self.server.jobs)
            raise Refusal(HTTPStatus.NOT_FOUND, f"There is no such job; there are: {names}.")
        wait_s = math.ceil(self.server.pace.wait_s(job))
        if wait_s:
            line = f"{job} was started a moment ago; ask again in {wait_s} s."
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, line, {"Retry-After": str(wait_s)})
        run_id = self.server.trigger(job)
        log.info("%s starts by webhook", job, extra={"run_id": run_id})
        said = {"ok": True, "job": job, "run_id": run_id}
        self._send(HTTPStatus.ACCEPTED, JSON, json.dumps(said))

    def _read_body(self) -> None:
        """Take what came with the request; nothing in it is of use here."""
        length = self.headers["Content-Length"] or "0"
        if "Transfer-Encoding" in self.headers or not length.isascii() or not length.isdigit():
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "Say how long the body is.")
        if int(length) > BODY_LIMIT:
            line = f"A body has {BODY_LIMIT} bytes at most."
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, line)
        self.rfile.read(int(length))

    def _admit(self, path: str) -> None:
        """Let only those look who may; a person without a token is asked for it."""
        access = self.server.access
        if access.is_closed:
            line = "Others can reach this port: set SIGNALROOM_WEB_TOKEN to see page and metrics."
            html = page.notice(line) if path == "/" else ""
            raise Refusal(HTTPStatus.FORBIDDEN, line, html=html)
        if not access.is_meant(self.headers["Host"]):
            raise Refusal(HTTPStatus.MISDIRECTED_REQUEST, "This page is for 127.0.0.1 only.")
        if not access.allows(self.headers["Authorization"], self.headers["Cookie"]):
            line = "Send the header `Authorization: Bearer <SIGNALROOM_WEB_TOKEN>`."
            html = page.entrance() if path == "/" else ""
            raise Refusal(HTTPStatus.UNAUTHORIZED, line, ASK, html)

    def _let_in(self, token: str) -> None:
        """Trade the token for a cookie, and take it out of the address."""
        access = self.server.access
        if not web_access.matches(token, access.token):
            self._admit("/")
            self._send(HTTPStatus.SEE_OTHER, HTML, "", {"Location": "/"})
            return
        # Lax: a link in a message leads here, and what follows must find the cookie.
        secure = "; Secure" if self.headers["X-Forwarded-Proto"] == "https" else ""
        cookie = (
            f"{web_access.COOKIE}={access.cookie()}; HttpOnly; SameSite=Lax; Path=/"
            f"; Max-Age={web_access.COOKIE_DAYS * 86400}{secure}"
        )
        self._send(HTTPStatus.SEE_OTHER, HTML, "", {"Location": "/", "Set-Cookie": cookie})

    def _send_ok(self, ok: bool, reason: str | None) -> None:
        status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
        said: dict[str, object] = {"ok": True} if ok else {"ok": False, "reason": reason}
        self._send(status, JSON, json.dumps(said))

    def _send(
        self, status: HTTPStatus, kind: str, body: str, headers: Mapping[str, str] = NOTHING
    ) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in {**ALWAYS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself: the status' own words, no page of its."""
        status = HTTPStatus(code)
        self.close_connection = True
        self._send(status, JSON, json.dumps({"ok": False, "error": f"{status.phrase}."}))

    def version_string(self) -> str:
        """Not which Python answers."""
        return "SignalRoom"

    def log_message(self, format: str, *args: object) -> None:
        """Probes are no news, and an address may carry a token."""
