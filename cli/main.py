"""The `signalroom` command: one readable line for every failure, never a traceback."""

from __future__ import annotations

import gc
import io
import json
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from cli.lines import say
from signalroom import child_process, logs, settings
from signalroom.errors import SignalRoomError
from signalroom.logs import explained, mask

# group -> command -> its text in `signalroom --help`; each is in the module of its name
GROUPS: dict[str, dict[str, str]] = {
    "Run": {
        "run": "Run the pipeline once: ingest, dbt build, daily reports.",
        "ingest": "Load one or more sources into the raw tables.",
        "backfill": "Load a long range of one source, in slices, resumable.",
        "build": "Build and test the marts (dbt build).",
        "report": "Render one report, and with --send deliver it.",
        "deliver": "Send what is due: alerts, and messages not delivered before.",
        "scheduler": "Run the scheduler: every job by itself, with its page.",
        "temporal": "Run the same jobs on Temporal: workers, schedules.",
        "trigger": "Run a job of the schedule, or pull a source, now.",
        "pause": "Pause a job or a source.",
        "resume": "End a pause.",
        "snooze": "Mute an alert until a date.",
    },
    "Look": {
        "status": "Overview: recent runs, running jobs, late sources, what is next.",
        "runs": "List recent runs, show one step by step.",
        "schedule": "Show what is due in the next 24 hours.",
        "pages": "Write each client's page of 90 days.",
        "explain": "Show the rows and loads behind a figure.",
        "compare": "Compare the old system's figures with ours, gap by gap.",
        "what-if": "Show what an edit of a mapping file would change.",
        "query": "Read the marts with SQL.",
        "failures": "List failures by cause.",
        "alerts": "Show how often each alert rule would have fired.",
    },
    "Repair": {
        "doctor": "Check configuration, connections and client data.",
        "dead-letters": "List, show, replay or discard rejected rows.",
        "forget": "Erase a person from every table.",
        "backup": "Save what cannot be rebuilt to one file.",
        "restore": "Restore a backup.",
        "db": "Set up the database's roles and logins.",
    },
    "Develop": {
        "demo": "Watch a simulated agency for a day, faster than real time.",
        "new": "Write the first files of a new source, client or report.",
        "preview": "Show every report, channel and scenario on one local page.",
        "sandbox": "Run the simulated agency: a local server for each vendor.",
    },
}
# Commands that only read PostgreSQL -> seconds without an answer after which it counts as frozen;
# if a user's query may take long, the server's own statement limit comes first.
READS = {
    **dict.fromkeys(("status", "runs", "failures", "doctor", "deliver", "pause", "resume"), 60.0),
    **dict.fromkeys(("explain", "compare", "query", "report"), 630.0),
}
COMMANDS = {name: words for group in GROUPS.values() for name, words in group.items()}


class LazyGroup(click.Group):
    """Imports a command's module when it is called, so that `--help` is fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"cli.{module}"), module)
        if cmd_name not in READS:
            gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from cli.console import no_such

            raise no_such("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()), col_max=14)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="signalroom")
@click.pass_context
def signalroom(ctx: click.Context) -> None:
    """What did a conversion cost yesterday, by affiliate, for each client and brand?

    SignalRoom pulls the agency's sources into a warehouse, builds tested marts with dbt and sends
    reports. Without any set-up it runs on simulated vendors and an embedded DuckDB:

    \b
      signalroom run                        everything once, on simulated data
      signalroom report daily_ccw --open    yesterday's report in the browser
      signalroom demo                       a whole day in minutes
      signalroom query "select * from daily_summary order by date desc"
      dbt build                             the marts alone, after a model's edit

    Settings come from the environment and from .env; .env.example lists them all.
    """
    _bound_reading(ctx.invoked_subcommand or "")


def _bound_reading(command: str) -> None:
    """Let a command that loads nothing end, and be interrupted, even if PostgreSQL is frozen."""
    if command in READS and settings.exactly("SIGNALROOM_TARGET") == "postgres":
        from signalroom.warehouse import bound_waits

        bound_waits(READS[command])


def command() -> NoReturn:
    """Entry point of a process that does nothing else."""
    try:
        main()
    except SystemExit as leave:
        child_process.end_process(int(str(leave.code or 0)))


def main() -> NoReturn:
    """Exit with 0 on success, 1 on an explained failure, 2 on wrong usage.

    A command that only reads ends before it has much garbage: searching for it, mostly among what
    was imported, would take a seventh of its time.
    """
    gc.disable()
    try:
        _call()
    finally:
        gc.enable()
    sys.exit(0)


def _call() -> None:
    is_child = child_process.end_with_named_parent()
    try:
        if not is_child:  # its parent has read the file, and passes it what it needs
            settings.load_env_file()
        settings.forget_dlt_variables()
        settings.forget_postgres_variables()
        logs.configure()
        signalroom(standalone_mode=False)
    except click.exceptions.Abort:
        say("Interrupted. Loaded data is kept; rerun to continue.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        for line in shown.getvalue().splitlines():
            say(line, err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except SignalRoomError as error:
        say(f"Error: {mask(str(error))}", err=True)
        _report_to_parent(error, is_child)
        sys.exit(1)
    except BrokenPipeError:
        # the reader of our output has gone; print nothing more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        say(f"Error: {explained(error)}", err=True)
        sys.exit(1)


def _report_to_parent(error: SignalRoomError, is_child: bool) -> None:
    """The class of an error, by which the scheduler decides whether to retry."""
    if is_child:
        said = {"error_class": type(error).__name__, "failures": [mask(str(error))]}
        click.echo(json.dumps(said))
