"""`signalroom db`: the database's roles and logins."""

from __future__ import annotations

import click


@click.group()
def db() -> None:
    """Set up the database's roles and logins (SIGNALROOM_TARGET=postgres)."""


@db.command(short_help="Create the role and login of reports.")
def setup() -> None:
    """Create the role and the login that reports read as, if missing.

    The role is SIGNALROOM_REPORT_ROLE. With SUPABASE_DB_REPORT_USER and its password a second login
    is created in it: it sees one client's rows of the marts and nothing else. Safe to repeat.
    """
    from signalroom.access import set_up

    for line in set_up() or ["Nothing to do."]:
        click.echo(line)
