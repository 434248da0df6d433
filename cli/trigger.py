"""`signalroom trigger`: one job of the schedule, now."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click


@click.command()
@click.argument("name", metavar="JOB|SOURCE")
@click.option("--wait", is_flag=True, help="Wait until it ends; exits 1 if it fails.")
def trigger(name: str, wait: bool) -> None:
    """Run a job of the schedule now, or pull one source and send what is due.

    A running scheduler picks it up within seconds. Without one, --wait runs it here. Nothing runs
    twice: a job waits for another that pulls the same sources. With TEMPORAL_ADDRESS it becomes a
    workflow, which a worker executes.

    \b
      signalroom trigger hourly
      signalroom trigger s3_files --wait
      signalroom trigger redtrack --wait          its pull, the build, what is due
    """
    from cli.console import no_such
    from ingest.registry import NAMES
    from scheduler.execution.follow import follow, scheduler_lives
    from scheduler.planning import chosen_job, requested
    from scheduler.runs.work_ledger import WorkLedger
    from scheduler.schedule import read_schedule
    from scheduler.temporal.links import address
    from signalroom import clock
    from signalroom.errors import ConfigurationError
    from signalroom.logs import mask
    from signalroom.times import when

    jobs = read_schedule()
    now = clock.now()
    chosen = chosen_job(name, jobs, now)
    if chosen is None:
        raise no_such("job or source", name, [*(one.name for one in jobs), *NAMES])
    with WorkLedger() as ledger:
        if not address() and not wait and not scheduler_lives(ledger):
            raise ConfigurationError(
                f"No scheduler is running that could pick up {name}: start `signalroom "
                "scheduler`, or add --wait to run it here and now."
            )
        run = requested(chosen, "manual", now, clock.instant())
        ledger.record(run)
        if address():
            from scheduler.temporal.connection import trigger as start

            start(chosen.name, run.run_id)
        click.echo(f"{run.run_id} is queued")
        if not wait:
            by = "A worker" if address() else "The scheduler"
            click.echo(f"{by} begins it; see `signalroom runs show {run.run_id}`.")
            return
        signal.signal(signal.SIGTERM, _interrupt)
        ended = follow(
            ledger,
            [*jobs, chosen],
            run.run_id,
            lambda line: click.echo(mask(line)),
            is_watched_only=bool(address()),
        )
    if ended.status == "waiting":
        click.echo(f"rate-limited by a vendor until {when(ended.resume_at)}", err=True)
    click.echo(f"{ended.run_id}: {ended.state.replace('_', ' ')}")
    sys.exit(0 if ended.status == "done" else 1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends it like Ctrl-C: the run is released, to be resumed."""
    raise KeyboardInterrupt
