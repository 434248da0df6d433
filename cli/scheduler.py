"""`signalroom scheduler`: run every job on schedule."""

from __future__ import annotations

import logging
import os
import sys

import click

ANSWER_WITHIN_S = 20.0  # the database's answer to this process's small queries


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def scheduler(host: str) -> None:
    """Run the scheduler: every job of scheduler/schedule.yml by itself.

    Listens on PORT (default 8080): the page at /, /health, /ready, /metrics, and POST /trigger/JOB.
    Beyond loopback the page and the metrics need SIGNALROOM_WEB_TOKEN; the trigger always needs
    SIGNALROOM_TRIGGER_TOKEN. Ends on SIGTERM or Ctrl-C, together with the work in progress, which
    the next start resumes.

    With TEMPORAL_ADDRESS it serves these and schedules nothing: `signalroom temporal` does.
    """
    from cli.sandbox import move_demo_aside
    from scheduler.process import Resident
    from scheduler.temporal.links import address
    from signalroom import logs
    from signalroom.errors import ConfigurationError
    from signalroom.run_database import refuse_newer
    from signalroom.settings import target
    from signalroom.warehouse import bound_waits

    logs.speak()
    if target() == "postgres":
        bound_waits(ANSWER_WITHIN_S)
    refuse_newer()
    move_demo_aside(logging.getLogger("scheduler").info)
    port = os.environ.get("PORT", "").strip() or "8080"
    if not port.isdecimal():
        raise ConfigurationError(f"PORT is {port!r}: use a number.")
    try:
        if address():
            from cli.temporal import need_extra

            need_extra()
            from scheduler.temporal.page import serve

            code = serve(int(port), host)
        else:
            code = Resident().run(int(port), host)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used: {error.strerror}. Set PORT to a free one."
        ) from None
    sys.exit(code)
