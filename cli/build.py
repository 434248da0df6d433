"""`signalroom build`: dbt build under the warehouse's lock."""

from __future__ import annotations

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- DBT ARGS]")
def build(arguments: tuple[str, ...]) -> None:
    """dbt build, under the lock that keeps two builds apart.

    The clients' files are checked first. A model is only replaced when the tests before it pass.

    \b
      signalroom build
      signalroom build -- --select daily_performance+
    """
    from cli.console import Display, complain
    from transform import reference
    from transform.build import build as dbt_build

    mistakes = reference.mistakes()
    complain(mistakes)
    if mistakes:
        click.echo("dbt was not started; the marts are as before.", err=True)
        sys.exit(1)
    with Display() as display:
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
    complain(result.failures)
    sys.exit(1 if result.failures else 0)
