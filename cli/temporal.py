"""`signalroom temporal`: the same jobs on Temporal, for more than one machine."""

from __future__ import annotations

import logging
import os
import sys

import click

from scheduler.temporal.model import QUEUES


@click.group()
def temporal() -> None:
    """The same jobs on Temporal: workers and schedules.

    TEMPORAL_ADDRESS names the server, TEMPORAL_NAMESPACE its namespace; TEMPORAL_API_KEY, or
    TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY, are for Temporal Cloud. docs/scaling.md says when to
    move, how, and how to go back.

    \b
      signalroom temporal apply    the schedules, from schedule.yml
      signalroom temporal worker   one worker; start as many as needed
      signalroom scheduler         the page; it then schedules nothing
    """


@temporal.command(short_help="Run one worker; start as many as needed.")
@click.option(
    "--queue",
    "queues",
    multiple=True,
    type=click.Choice(QUEUES),
    help="Only this queue; default: TEMPORAL_TASK_QUEUE, or both.",
)
@click.option("--slots", type=click.IntRange(1, 100), help="Steps at once on each queue.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def worker(queues: tuple[str, ...], slots: int | None, host: str) -> None:
    """One worker: takes steps from the queues and runs each as a child process.

    api-tasks are ingest and reports, warehouse-tasks is dbt. Answers /health on PORT (default
    8080). Ends on SIGTERM or Ctrl-C once its steps are done, after a minute at the latest; another
    worker resumes interrupted steps.
    """
    need_extra()
    from cli.sandbox import move_demo_aside
    from scheduler.temporal.worker import work
    from signalroom import logs
    from signalroom.errors import ConfigurationError

    logs.speak()
    move_demo_aside(logging.getLogger("scheduler").info)
    port = os.environ.get("PORT", "").strip() or "8080"
    if not port.isdecimal():
        raise ConfigurationError(f"PORT is {port!r}: use a number.")
    try:
        work(queues or _queues(), slots, int(port), host)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used: {error.strerror}. Set PORT to a free one."
        ) from None


def _queues() -> tuple[str, ...]:
    from signalroom.errors import ConfigurationError

    given = os.environ.get("TEMPORAL_TASK_QUEUE", "").strip()
    if given and given not in QUEUES:
        raise ConfigurationError(f"TEMPORAL_TASK_QUEUE is {given!r}: use {' or '.join(QUEUES)}.")
    return (given,) if given else QUEUES


@temporal.command()
def apply() -> None:
    """Make Temporal's schedules match scheduler/schedule.yml.

    New jobs are scheduled, changed ones updated, deleted ones removed. Safe to repeat; run it with
    each deployment.
    """
    need_extra()
    from scheduler.runs.ledger import worker_id
    from scheduler.runs.work_ledger import WorkLedger
    from scheduler.schedule import read_schedule
    from scheduler.temporal import schedules
    from scheduler.temporal.connection import connect, wait_for
    from signalroom import clock

    jobs = read_schedule()

    async def run() -> list[str]:
        return await schedules.apply(await connect(), jobs)

    said = wait_for(run())
    with WorkLedger() as ledger:  # from now on their past is recorded
        ledger.recorded_until([job.name for job in jobs], clock.now(), worker_id())
    for line in said:
        click.echo(line)


@temporal.command("list", short_help="The schedules, and when each is due.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a schedule.")
def list_schedules(as_json: bool) -> None:
    """The schedules in Temporal and when each is due next, in business time."""
    need_extra()
    import json

    from scheduler.schedule import read_schedule
    from scheduler.temporal import schedules
    from scheduler.temporal.connection import connect, wait_for
    from signalroom.times import when

    async def run() -> list[schedules.Listed]:
        return await schedules.listed(await connect(), read_schedule())

    found = wait_for(run())
    for one in found:
        if as_json:
            times = [moment.isoformat() for moment in one.next_at]
            click.echo(json.dumps({"job": one.job, "next": times, "paused": one.is_paused}))
        else:
            due = when(one.next_at[0]) if one.next_at else "-"
            click.echo(f"{one.job:<18} {'paused at Temporal' if one.is_paused else due}")
    if not found and not as_json:
        click.echo(
            "Temporal has no schedules of SignalRoom: `signalroom temporal apply` creates them."
        )


@temporal.command(short_help="Remove schedules from Temporal.")
@click.argument("jobs", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every schedule of SignalRoom.")
def delete(jobs: tuple[str, ...], is_all: bool) -> None:
    """Remove schedules from Temporal; nothing else is touched, and running work continues.

    \b
      signalroom temporal delete hourly
      signalroom temporal delete --all            on the way back to one machine
    """
    if bool(jobs) == is_all:
        raise click.UsageError("Name the jobs, or say --all.")
    need_extra()
    from scheduler.schedule import read_schedule
    from scheduler.temporal import schedules
    from scheduler.temporal.connection import connect, wait_for

    async def run() -> list[str]:
        client = await connect()
        names = [one.job for one in await schedules.listed(client, read_schedule())]
        return await schedules.delete(client, jobs or names)

    gone = wait_for(run())
    for name in gone:
        click.echo(f"{name} is no longer scheduled at Temporal.")
    missing = sorted(set(jobs) - set(gone))
    for name in missing:
        click.echo(f"Error: Temporal has no schedule for {name}.", err=True)
    sys.exit(1 if missing else 0)


def need_extra() -> None:
    """Stop without the package temporalio."""
    from importlib.util import find_spec

    from signalroom.errors import ConfigurationError

    if find_spec("temporalio") is None:
        raise ConfigurationError(
            "Temporal needs the package temporalio: install signalroom[temporal], or leave "
            "TEMPORAL_ADDRESS unset."
        )
