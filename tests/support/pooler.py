"""pgbouncer in transaction mode before a server, like Supabase's port 6543 (a Debian package)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from tests.support.postgres import ROLE, PostgresServer, free_port, identity

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {size}
server_round_robin = 1
max_client_conn = 200
ignore_startup_parameters = extra_float_digits,options
"""


def find_pgbouncer() -> str | None:
    """The path of pgbouncer; `make test-deep` installs it if it has the rights."""
    return shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")


@contextmanager
def pooler(server: PostgresServer, folder: Path, size: int = 10) -> Iterator[dict[str, str]]:
    """Run a pooler for the block; yields the variables for connecting through it.

    With `server_round_robin` the next transaction gets a different session whenever possible, so
    code that depends on a session fails.
    """
    program, port = find_pgbouncer(), free_port()
    assert program
    own = server.folder / f"pooler-{port}"  # a folder that the server's user can read
    own.mkdir()
    (own / "users.txt").write_text(f'"{ROLE}" "{server.password}"\n')
    text = CONFIGURATION.format(server=server.port, port=port, folder=own, size=size)
    (own / "pgbouncer.ini").write_text(text)
    if server.user is not None:
        for path in (own, *own.iterdir()):
            os.chown(path, server.user.pw_uid, server.user.pw_gid)
    with (folder / "pgbouncer.log").open("ab") as log:
        running = subprocess.Popen(
            [program, str(own / "pgbouncer.ini")],
            stdout=log,
            stderr=log,
            **identity(server.user),
        )
    try:
        give_up_at = time.monotonic() + 20
        while True:
            try:
                psycopg2.connect(
                    host="127.0.0.1", port=port, dbname="postgres", user=ROLE,
                    password=server.password,
                ).close()  # fmt: skip
                break
            except psycopg2.OperationalError:
                if running.poll() is not None or time.monotonic() > give_up_at:
                    raise RuntimeError((folder / "pgbouncer.log").read_text()) from None
                time.sleep(0.05)
        yield {"SUPABASE_DB_PORT": str(port)}
    finally:
        running.terminate()
        running.wait(timeout=20)
