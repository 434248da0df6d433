"""`signalroom trigger`: one job of the schedule, now."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click


@click.command()
@click.argument("job")
@click.option("--wait", is_flag=True, help="Stay until it ends; exits 1 when it does not end well.")
def trigger(job: str, wait: bool) -> None:
    """Run a job of the schedule now, through the same ledger.

    A living scheduler picks it up within seconds. Without one, --wait runs it here. Nothing runs
    twice: a job waits for another that asks the same sources.

    \b
      signalroom trigger hourly
      signalroom trigger s3_files --wait
    """
    from scheduler.execution.follow import follow, scheduler_lives
    from scheduler.planning import asked
    from scheduler.runs.work_ledger import WorkLedger
    from scheduler.schedule import read_schedule
    from signalroom import clock
    from signalroom.errors import ConfigurationError
    from signalroom.logs import mask

    jobs = read_schedule()
    chosen = next((one for one in jobs if one.name == job), None)
    if chosen is None:
        names = ", ".join(one.name for one in jobs)
        raise click.UsageError(f"There is no job {job!r}; there are: {names}.")
    with WorkLedger() as ledger:
        if not wait and not scheduler_lives(ledger):
            raise ConfigurationError(
                f"No scheduler runs that could pick up {job}: start `signalroom scheduler`, or add "
                "--wait to run it here and now."
            )
        run = asked(chosen, "manual", clock.now(), clock.instant())
        ledger.record(run)
        click.echo(f"{run.run_id} is due")
        if not wait:
            click.echo(f"The scheduler begins it; see `signalroom runs show {run.run_id}`.")
            return
        signal.signal(signal.SIGTERM, _interrupt)
        ended = follow(ledger, jobs, run.run_id, lambda line: click.echo(mask(line)))
    if ended.status == "waiting":
        click.echo(f"put off by a vendor until {ended.resume_at:%Y-%m-%d %H:%M} UTC", err=True)
    click.echo(f"{ended.run_id}: {ended.status.replace('_', ' ')}")
    sys.exit(0 if ended.status == "done" else 1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends it as Ctrl-C does: the run is given back, to be resumed."""
    raise KeyboardInterrupt
