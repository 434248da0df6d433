"""`signalroom dead-letters`: rejected rows and unusable answers, and what to do with them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ingest.dead_letters import Letter


@click.group()
def dead_letters() -> None:
    """Rejected rows and unusable answers: list, show, replay or discard them.

    A row that could not be read is kept here with its file, line and reason, while the rest of its
    file is loaded. Fix the file (or the mapping, or the code), then replay. A vendor's unusable
    answer is kept with its days; the next load of these days resolves it.
    """


@dead_letters.command("list", short_help="Open ones, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_letters(as_json: bool) -> None:
    """Open dead letters, newest first, then files that must be replaced to be loaded."""
    from ingest.dead_letters import waiting
    from ingest.loads import file_problems

    letters = waiting()
    files = file_problems()
    for letter in letters:
        if as_json:
            click.echo(json.dumps(vars(letter), default=str))
        else:
            click.echo(f"{letter.dead_letter_id}  {_where(letter)}  {letter.reason}")
    for file in files:
        if as_json:
            click.echo(json.dumps({"dead_letter_id": None, **file}, default=str))
        else:
            click.echo(
                f"{'file':12}  {file['client_id']} {file['source']}.{file['table_name']} "
                f"{file['file_name']}  {file['status']}: {file['reason']}"
            )
    if not letters and not files and not as_json:
        click.echo("No rejected rows.")


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
def show(letter_id: str) -> None:
    """All details of one."""
    from ingest.dead_letters import waiting

    (letter,) = waiting([letter_id])
    for name, value in vars(letter).items():
        click.echo(f"{name:15} {value if value is not None else '-'}")


@dead_letters.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that are open.")
def replay(ids: tuple[str, ...], everything: bool) -> None:
    """Load their files and days again; each row lands exactly once."""
    from cli.console import Display, complain
    from ingest import dead_letters as kept
    from scheduler.steps import ingest as steps

    if bool(ids) == everything:
        raise click.UsageError("Name the ids, or say --all.")
    letters = kept.waiting(ids)
    with Display() as display:
        failures = steps.replay(letters, display).failures
    click.echo(f"{len(kept.waiting())} dead letters are still open.")
    complain(failures)
    sys.exit(1 if failures else 0)


@dead_letters.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def discard(ids: tuple[str, ...]) -> None:
    """Discard these rows (kept in ops.dead_letters)."""
    from ingest import dead_letters as kept

    letters = kept.waiting(ids)
    kept.discard(letters)
    click.echo(f"{len(letters)} discarded.")


def _where(letter: Letter) -> str:
    line = f":{letter.line_number}" if letter.line_number else ""
    return f"{letter.client_id} {letter.source}.{letter.table_name} {letter.partition_key}{line}"
