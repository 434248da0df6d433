"""Lines on a terminal: broken between words, never within a word or a command in backticks.

Where no terminal reads, a line stays whole, for grep and logs. Imports nothing heavy.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import click

COMMAND = re.compile(r"`[^`]*`")
HELD = "\x00"  # stands for a space within a command while lines are broken


def wrapped(text: str, width: int = 0, indent: str = "") -> str:
    """The text in lines of the terminal's width, further ones indented."""
    wide = width or shutil.get_terminal_size().columns
    held = COMMAND.sub(
        lambda found: found[0].replace(" ", HELD) if len(found[0]) < wide else found[0], text
    )
    lines = textwrap.wrap(
        held, wide, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace(HELD, " ")


@contextmanager
def starting(text: str) -> Iterator[None]:
    """Say at once on a terminal what goes on, until there is something to show."""
    is_seen = sys.stderr.isatty()
    if is_seen:
        click.echo(text, nl=False, err=True)
    try:
        yield
    finally:
        if is_seen:
            click.echo("\r\x1b[K", nl=False, err=True)


def say(text: str, err: bool = False, indent: str = "") -> None:
    """Print a line, in as many as a terminal needs, further ones indented."""
    stream = sys.stderr if err else sys.stdout
    click.echo(wrapped(text, indent=indent) if stream.isatty() else text, err=err)
