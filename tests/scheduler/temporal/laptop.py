"""`make temporal`: Temporal's dev server and page, a worker, our page, the simulated agency.

Everything is on loopback and runs until Ctrl-C; state is in .signalroom-temporal. Variables of .env
for vendors are ignored, because the agency is simulated.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from sandbox import Agency
from signalroom import clock
from signalroom.child_process import ending_with_this_process
from tests.scheduler.temporal.server import SERVER
from tests.support.processes import BIN, ROOT, own_environment

ADDRESS, UI, PAGE, HEALTH = "127.0.0.1:7233", "http://127.0.0.1:8233", "8080", "8081"


def main(home: Path) -> int:
    """Run until Ctrl-C; returns the exit code."""
    signal.signal(signal.SIGTERM, _end)
    home.mkdir(exist_ok=True)
    with ExitStack() as stack:
        agency = stack.enter_context(Agency(now=clock.instant(), speed=1.0))
        env = own_environment(
            {
                **agency.environment(),
                "SIGNALROOM_HOME": str(home),
                "SIGNALROOM_HASH_SALT": "of a laptop",
                "TEMPORAL_ADDRESS": ADDRESS,
            }
        )

        def start(*command: str, port: str = "", out: int | None = None) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                ending_with_this_process(list(command)),
                env=env | ({"PORT": port} if port else {}),
                stdout=out,
                stderr=out,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process

        ours = str(BIN / "signalroom")
        server = start(
            str(SERVER), "server", "start-dev", "--db-filename", str(home / "temporal.sqlite"),
            "--log-level", "error", out=subprocess.DEVNULL,
        )  # fmt: skip
        give_up_at = time.monotonic() + 60
        while subprocess.run([ours, "temporal", "apply"], env=env, capture_output=True).returncode:
            if server.poll() is not None or time.monotonic() > give_up_at:
                print(f"Temporal did not start: is {ADDRESS} in use?", file=sys.stderr)  # noqa: T201
                return 1
        worker = start(ours, "temporal", "worker", port=HEALTH)
        page = start(ours, "scheduler", port=PAGE)
        print(  # noqa: T201
            f"""
  Temporal's page   {UI}
  SignalRoom        http://127.0.0.1:{PAGE}/
  worker's health   http://127.0.0.1:{HEALTH}/health
  Temporal          {ADDRESS} (namespace default)

In another terminal, to run a job:

  export TEMPORAL_ADDRESS={ADDRESS} SIGNALROOM_HOME={home}
  signalroom trigger hourly --wait

Ctrl-C ends it all; what was loaded stays in {home.name}/.
""",
            flush=True,
        )
        try:
            while not any(one.poll() is not None for one in (server, worker, page)):
                time.sleep(0.5)
        except KeyboardInterrupt:
            return 0
        print("One of them has ended, and so all do.", file=sys.stderr)  # noqa: T201
    return 1


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / ".signalroom-temporal"))
