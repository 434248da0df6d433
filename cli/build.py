"""`signalroom build`: dbt build under the warehouse's lock."""

from __future__ import annotations

import json
import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- DBT ARGS]")
@click.option("--json", "as_json", is_flag=True, help="Print what was built as a JSON object.")
def build(arguments: tuple[str, ...], as_json: bool) -> None:
    """dbt build, under the lock that keeps two builds apart.

    The clients' files are checked first. A model is only replaced when the tests before it pass.
    Without arguments dbt's unit tests, which are about the SQL alone, are left to `dbt build`.

    \b
      signalroom build
      signalroom build -- --select daily_performance+
    """
    from cli.console import Display, complain
    from scheduler.status.checks import look
    from signalroom.errors import SignalRoomError
    from signalroom.masking import mask
    from transform import client_files as reference
    from transform.build import build as dbt_build

    mistakes = reference.mistakes()
    complain(mistakes)
    if mistakes:
        if as_json:
            click.echo(json.dumps({"error_class": "ConfigurationError", "failures": mistakes}))
        click.echo("dbt was not started; the marts are as before.", err=True)
        sys.exit(1)
    with Display(quiet=as_json) as display:
        step = display.step("dbt build")
        try:
            result = dbt_build(arguments, step)
        except Exception:
            step.fail("not finished")
            raise
        said = f"{result.models} models, {result.tests} tests passed"
        if result.failures:
            step.fail(f"{said}, {len(result.failures)} failed; what they guard is as before")
        else:
            step.finish(said)
        try:
            look(result.warnings)
        except SignalRoomError as error:
            display.note(f"what looks wrong was not written down: {error}")
    if as_json:
        failures = [mask(failure) for failure in result.failures]
        click.echo(json.dumps({**vars(result), "failures": failures}))
    complain(result.failures)
    sys.exit(1 if result.failures else 0)
