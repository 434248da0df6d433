"""One HTTP server per vendor, on loopback."""

import socket
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.errors import SandboxError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class QuietHandler(WSGIRequestHandler):
    """No access log: the gate has one that tests can read."""

    def log(self, type: str, message: str, *args: Any) -> None:
        return


class Server:
    """A running server; the port is bound before the thread starts, to report conflicts."""

    def __init__(self, name: str, host: str, port: int = 0) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen(128)
        except OSError as error:
            self._socket.close()
            raise SandboxError(
                f"the sandbox cannot listen on {host}:{port} for {name}: {error.strerror}; "
                "stop the other program or choose other ports"
            ) from error
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self, app: "WSGIApplication") -> None:
        self._server = make_server(
            self.host, self.port, app, threaded=True, request_handler=QuietHandler,
            fd=self._socket.fileno(),
        )  # fmt: skip
        # a request that hangs must not keep the process alive
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05},
            name=f"sandbox-{self.name}", daemon=True,
        )  # fmt: skip
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout=5)
            self._server.server_close()
        self._socket.close()
