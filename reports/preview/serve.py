"""The gallery served on loopback, rebuilt on each save; open browsers reload.

Each gallery is made in a fresh process, so that code changes take effect like template changes, and
no mistake in either ends the server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reports.preview.failure import Failure
from reports.preview.page import trouble_page
from signalroom import clock
from signalroom.child_process import ending_with_this_process
from signalroom.logs import mask
from signalroom.paths import root

WATCHED = ("reports", "transform/models/marts")
ENDINGS = frozenset({".py", ".j2", ".sql", ".yml", ".css", ".js"})
LOOK_EVERY_S = 0.4
BREATH_S = 15.0  # a periodic line keeps the connection alive
TYPES = {".html": "text/html", ".json": "application/json"}
Stamps = Mapping[Path, int]


class Gallery:
    """The newest page of a folder, with its `version`, which the page also contains."""

    def __init__(self, folder: Path, scratch: Path, reports: Sequence[str]) -> None:
        self.folder = folder
        self._scratch = scratch
        self.version = ""
        self.page = b""
        self.news = threading.Condition()
        self._reports = reports

    def make(self) -> None:
        """Rebuild it in a separate process, and wake the waiting requests."""
        version = clock.instant().isoformat()
        command = [sys.executable, "-m", "reports.preview", str(self.folder), version]
        done = subprocess.run(
            ending_with_this_process([*command, *self._reports]),
            cwd=root(),
            env={**os.environ, "TMPDIR": str(self._scratch)},  # ends with us if interrupted
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            page = trouble_page(_failure_of(done), version).encode()
        else:
            page = (self.folder / "index.html").read_bytes()
        with self.news:
            self.version, self.page = version, page
            self.news.notify_all()

    def wait(self, seen: str, seconds: float) -> str:
        """The version, as soon as it differs from the one seen, or after so many seconds."""
        with self.news:
            self.news.wait_for(lambda: self.version != seen, seconds)
            return self.version


class Server(ThreadingHTTPServer):
    """Serves a gallery to browsers of this machine."""

    daemon_threads = True

    def __init__(self, gallery: Gallery, port: int) -> None:
        self.gallery = gallery
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def address(self) -> str:
        """The URL for browsers."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that left early is not an error."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        # Against DNS rebinding: another site's host name could resolve to this machine.
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        path = unquote(urlsplit(self.path).path)
        if host not in ("127.0.0.1", "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif path == "/events":
            self._events()
        elif path == "/":
            self._send(self.server.gallery.page, "text/html")
        else:
            self._file(path)

    def _file(self, path: str) -> None:
        folder = self.server.gallery.folder.resolve()
        found = (folder / path.lstrip("/")).resolve()
        if not found.is_relative_to(folder) or found.suffix not in TYPES or not found.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._send(found.read_bytes(), TYPES[found.suffix])

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def _events(self) -> None:
        """The version now, and again whenever it changes; the page compares it with its own."""
        gallery = self.server.gallery
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        seen = ""
        self.wfile.write(b"retry: 500\n\n")
        while True:
            version = gallery.wait(seen, BREATH_S)
            self.wfile.write(f"data: {version}\n\n".encode() if version != seen else b":\n\n")
            self.wfile.flush()
            seen = version

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""


def stamps() -> Stamps:
    """When each file that a report depends on was last saved."""
    found = {}
    for folder in WATCHED:
        for path in (root() / folder).rglob("*"):
            if path.suffix in ENDINGS:
                try:
                    found[path] = path.stat().st_mtime_ns
                except FileNotFoundError:  # an editor is just replacing it
                    continue
    return found


def watch(gallery: Gallery, seen: Stamps, stop: threading.Event) -> None:
    """Rebuild the gallery after each save, until stopped."""
    while not stop.wait(LOOK_EVERY_S):
        now = stamps()
        if now != seen:
            seen = now
            gallery.make()


def _failure_of(done: subprocess.CompletedProcess[str]) -> Failure:
    """Why a process made no gallery; if it could not even start, its last line."""
    try:
        found = json.loads(done.stdout)
        return Failure(found["text"], found["place"])
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines() or [f"It ended with {done.returncode}."]
        places = [line.strip() for line in lines if line.strip().startswith("File ")]
        return Failure(mask(lines[-1]), mask(places[-1]) if places else "")
