"""A scripted vendor, over real HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as received."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """One answer; `cut` closes the connection in the middle of the body, or before it if 0."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class Vendor:
    """The scripted vendor: its address, the requests received, and the remaining answers."""

    url: str
    answer: Callable[[Request], Answer]
    requests: list[Request] = field(default_factory=list)


def in_turn(*answers: Answer) -> Callable[[Request], Answer]:
    """Give these answers one after another; the last one repeats."""
    left = list(answers)

    def give(_: Request) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    return give


def _body(raw: bytes, kind: str) -> Any:
    """The parsed JSON or form fields; None without a body."""
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(raw.decode()))
    return json.loads(raw) if raw else None


@contextmanager
def scripted_vendor(answer: Callable[[Request], Answer]) -> Iterator[Vendor]:
    """Run the vendor on a free port of the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = Request(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=_body(raw, self.headers.get("content-type") or ""),
            )
            vendor.requests.append(request)
            said = vendor.answer(request)
            content = said.body.encode() if isinstance(said.body, str) else json.dumps(said.body)
            data = content if isinstance(content, bytes) else content.encode()
            if said.cut == 0:
                self.close_connection = True
                return
            self.send_response_only(said.status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in {"Date": self.date_time_string(), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: said.cut])

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vendor = Vendor(f"http://127.0.0.1:{server.server_port}", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield vendor
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
