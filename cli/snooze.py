"""`signalroom snooze`: silence an alert until a date."""

from __future__ import annotations

import click

from cli.moments import MOMENT, Moment


@click.command()
@click.argument("alert", metavar="ALERT")
@click.option(
    "--until", type=MOMENT, required=True, help="When it may be sent again, in business time."
)
@click.option("--reason", required=True, help="The reason, shown in the status.")
def snooze(alert: str, until: Moment, reason: str) -> None:
    """Mute an open alert until a date; to accept it, choose a date far away.

    ALERT is its id or its cause, which `signalroom status` shows. The snooze applies to the cause
    and its clients: an alert that is resolved and recurs meanwhile stays silent too. Messages
    already sent are still updated.

    \b
      signalroom snooze 0123456789 --until 2026-12-01 --reason "key is on its way"
      signalroom snooze ingest:redtrack:CredentialsError --until 2027-01-01 \\
          --reason "account moves"
    """
    from reports.alerts.snoozes import snooze as keep
    from signalroom import clock
    from signalroom.times import moment

    if until <= clock.now():
        raise click.UsageError(f"--until is in the past: {moment(until)}.")
    if not reason.strip():
        raise click.UsageError("--reason is empty: say why no one needs to hear of it.")
    end = moment(until)
    for one in keep(alert, until, reason.strip()):
        whose = "" if one.client_id == "*" else f" ({one.client_id})"
        click.echo(f"{one.title}{whose} is snoozed until {end}.")
