"""The simulated agency as a program that runs until interrupted."""

import shlex
import threading
from collections.abc import Callable
from datetime import datetime

from sandbox.agency import DEFAULT_SEED, Agency
from sandbox.clock import DEFAULT_NOW

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
    Raises SandboxError if a port is in use.
    """
    stop = stop or threading.Event()
    with Agency(seed, now, scenario, speed=speed, host=host, port_base=port_base) as agency:
        announce(environment_block(agency))
        try:
            stop.wait()
        except KeyboardInterrupt:
            return


def environment_block(agency: Agency) -> str:
    """Lines of an `.env` file, with a comment on how to set the time."""
    control = agency.control_url
    lines = [
        f"# The simulated agency runs; simulated now is {agency.now().isoformat()}.",
        f"# Move time:  curl -X POST '{control}/_sandbox/now?to=2026-11-20T07:05'",
        f"# Look:       {control}/_sandbox/messages  {control}/_sandbox/truth/713",
    ]
    lines += [f"{name}={shlex.quote(value)}" for name, value in agency.environment().items()]
    return "\n".join(lines)
