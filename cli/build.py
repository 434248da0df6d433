"""`signalroom build`: dbt build under the warehouse's lock."""

from __future__ import annotations

import json
import sys

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- DBT ARGS]")
@click.option("--changed", is_flag=True, help="Skip what cannot differ from the last build.")
@click.option("--json", "as_json", is_flag=True, help="Print what was built as a JSON object.")
def build(arguments: tuple[str, ...], changed: bool, as_json: bool) -> None:
    """dbt build, under the lock that keeps two builds apart.

    The clients' files are checked first. A model is only replaced when the tests before it pass.
    Without arguments dbt's unit tests, which only test the SQL, are left to `dbt build`.
    With --changed, as in the scheduler and `signalroom run`, models whose rows, files, SQL and
    settings have not changed since the last build are skipped.

    \b
      signalroom build
      signalroom build --changed
      signalroom build -- --select daily_performance+
    """
    if changed and arguments:
        raise click.UsageError(
            "--changed selects the models itself: leave out everything after --."
        )
    from cli.console import Display, complain
    from scheduler.steps.build import build_marts

    with Display(quiet=as_json) as display:
        result = build_marts(display, arguments, only_changed=changed)
    if as_json:
        click.echo(json.dumps(result.answer()))
    complain(result.failures)
    sys.exit(1 if result.failures else 0)
