"""`signalroom deliver`: send what is due, alerts and messages that were not delivered before."""

from __future__ import annotations

import json
import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each message.")
def deliver(as_json: bool) -> None:
    """Send what is due: alerts, and what earlier attempts left open.

    The scheduler does this automatically. A delivered message is not sent again; one that is too
    old to be useful is skipped. Recipients of alerts and quiet hours are in reports/alerts.yml.
    """
    from cli.console import Display, complain
    from reports.alerts import deliver as alerting
    from signalroom.logs import mask

    with Display(quiet=as_json) as display:
        step = display.step("deliver")
        try:
            sent = alerting.deliver_due()
        except Exception:
            step.fail("not finished")
            raise
        failures = list(sent.failures)
        for one in sent.deliveries:
            line = f"{one.report} {one.client_id}, {one.summary()}"
            if one.status in ("dead", "unknown"):
                failures.append(line)
            elif not as_json:
                display.note(line)
            if as_json:
                click.echo(mask(json.dumps({**vars(one), "summary": line})))
        delivered = sum(one.status == "sent" for one in sent.deliveries)
        said = f"{delivered} delivered" if sent.deliveries else "nothing to send"
        if failures:
            step.fail(f"{said}, {len(failures)} failed")
        else:
            step.finish(said)
    complain(failures)
    sys.exit(1 if failures else 0)
