"""Lines on a terminal: broken between words, never within a word or a command in backticks.

Without a terminal a line stays whole, for grep and logs. Imports nothing heavy.
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
HELD = "\x00"  # replaces a space within a command while lines are broken


def wrapped(text: str, width: int = 0, indent: str = "") -> str:
    """The text in lines of the terminal's width, continuation lines indented."""
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
    """Show a message on a terminal immediately, until there is something to show."""
    is_seen = sys.stderr.isatty()
    if is_seen:
        click.echo(text, nl=False, err=True)
    try:
        yield
    finally:
        if is_seen:
            click.echo("\r\x1b[K", nl=False, err=True)


def say(text: str, err: bool = False, indent: str = "") -> None:
    """Print a line, broken as the terminal needs, continuation lines indented."""
    stream = sys.stderr if err else sys.stdout
    click.echo(wrapped(text, indent=indent) if stream.isatty() else text, err=err)
