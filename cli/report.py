"""`signalroom report`: render one report, and with --send deliver it."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path

import click

from cli import console as options
from cli.moments import MOMENT


@click.command()
@click.argument("name")
@options.clients
@click.option(
    "--date",
    "day",
    type=options.DAY,
    help="Day of the report; default yesterday, for alerts today.",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    type=click.Choice(["slack", "email", "sms"]),
    help="Only this channel; repeatable.",
)
@click.option("--send", is_flag=True, help="Send it; already-delivered messages are skipped.")
@click.option("--again", is_flag=True, help="With --send: deliver it once more.")
@click.option(
    "--when-complete",
    is_flag=True,
    help="With --send: only once the day is complete, or past the deadline.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files; default: the outbox folder.",
)
@click.option("--open", "is_opened", is_flag=True, help="Open the email in the browser.")
@click.option(
    "--as-known-at",
    "known_at",
    type=MOMENT,
    metavar="T",
    help="Show it as sent, as known at T, and now; nothing is sent.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a client.")
def report(
    name: str,
    clients: tuple[str, ...],
    day: date | None,
    channels: tuple[str, ...],
    send: bool,
    again: bool,
    when_complete: bool,
    out: Path | None,
    is_opened: bool,
    known_at: datetime | None,
    as_json: bool,
) -> None:
    """Render one report for each client that has it, and with --send deliver it.

    \b
      signalroom report daily_ccw --open
      signalroom report daily_exp --date 2026-11-18 --channel email --out sent
      signalroom report daily_ccw --date 2026-11-18 --as-known-at 2026-11-19T12:00
    """
    from cli.as_known import show
    from cli.console import Display, complain, no_such
    from reports import registry
    from scheduler.steps.report import ReportResult, Sending, make_reports
    from signalroom import clock
    from signalroom.logs import mask

    if (again or when_complete) and not send:
        raise click.UsageError("--again and --when-complete go with --send.")
    sending: Sending = "now" if send else "not"
    if send and (again or when_complete):
        sending = "again" if again else "when_complete"
    known = registry.reports()
    if name not in known:
        raise no_such("report", name, known)
    one = registry.find(name)
    if one.period == "event" and send and (again or when_complete or channels):
        raise click.UsageError(f"{name} is sent once, where reports/alerts.yml says: only --send.")
    day = day or (clock.today() if one.period == "event" else clock.yesterday())
    if known_at is not None:
        if send or channels or is_opened:
            raise click.UsageError("--as-known-at goes with --client, --date, --out and --json.")
        found = show(name, clients, day, known_at, out, as_json)
        complain(found)
        sys.exit(1 if found else 0)

    def heard(made: ReportResult) -> None:
        if as_json:
            click.echo(mask(json.dumps(made.answer(), default=str)))

    with Display(quiet=as_json) as display:
        results = make_reports(
            name,
            clients,
            day,
            display,
            sending=sending,
            channels=channels,
            out=out,
            heard=heard,
        )
    # after the live display has ended, which would overwrite it
    for path in (path for made in results for path in made.paths if not as_json):
        click.echo(str(path))
    for path in (path for made in results for path in made.paths if is_opened):
        if path.name.endswith(".email.html"):
            click.launch(path.resolve().as_uri())
    failures = [failure for made in results for failure in made.failures]
    complain(failures)
    sys.exit(1 if failures else 0)
