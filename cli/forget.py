"""`signalroom forget`: erase a person's data."""

from __future__ import annotations

import re
import sys

import click

from signalroom.plural import counted

HASH = re.compile(r"[0-9a-f]{64}")


@click.command()
@click.option("--hash", "hashes", multiple=True, metavar="H", help="The hash itself; repeatable.")
def forget(hashes: tuple[str, ...]) -> None:
    """Blank a person's data in every table, now and in every later load.

    The email address is prompted for, or read from stdin: it is stored nowhere and does not appear
    in process lists. Rows stay, so that every total still holds. Sent messages and copies made by
    others are not affected. Build afterwards: `signalroom build`.

    \b
      signalroom forget
      echo someone@example.org | signalroom forget
    """
    from ingest.privacy import forgotten

    wrong = [one for one in hashes if not HASH.fullmatch(one)]
    if wrong:
        raise click.UsageError("--hash takes 64 hexadecimal digits, as hashed columns hold them.")
    wanted = set(hashes)
    if not wanted:
        if sys.stdin.isatty():
            address = click.prompt("Email address", hide_input=True)
        else:
            address = sys.stdin.read()
        if not address.strip() or len(address.split()) != 1:
            raise click.UsageError("Give one email address.")
        wanted = forgotten.hashes_of(address)
    changed = forgotten.forget(wanted)
    for table, count in changed.items():
        click.echo(f"{table}: {counted(count, 'row')} blanked")
    rows = sum(changed.values())
    click.echo(
        f"{counted(rows, 'row')} of {counted(len(changed), 'table')}; no later load brings the "
        "person back. Next: signalroom build"
    )
