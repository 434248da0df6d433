"""`signalroom report NAME --as-known-at T`: what was sent, known then, known now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signalroom.plural import counted

if TYPE_CHECKING:
    from reports.as_known import Sent, Version
    from reports.model import Report
    from signalroom.clients import Client

REMEMBERED = ("daily", "affiliate_leaderboard", "weekly_rollup")  # by their folder
MOST = 40


def show(
    name: str, clients: Sequence[str], day: date, at: datetime, out: Path | None, as_json: bool
) -> list[str]:
    """Show it for each client that has the report; returns failures, one line each."""
    from reports import registry
    from signalroom import clients as known
    from signalroom.errors import ReportError, SignalRoomError

    one = registry.find(name)
    if one.period == "event":
        raise click.UsageError(f"{name} is about what is open now: it has no day to look back at.")
    failures = []
    for client in one.clients() if not clients else [known.client(each) for each in clients]:
        try:
            if not one.is_for(client):
                raise ReportError(f"{name} is not made for client {client.id}.")
            answer = _answer(one, client, day, at, out)
        except SignalRoomError as error:
            failures.append(f"Client {client.id}: {error}")
            continue
        if as_json:
            click.echo(json.dumps(answer, ensure_ascii=False))
        else:
            _print(answer)
    return failures


def _answer(
    one: Report, client: Client, day: date, at: datetime, out: Path | None
) -> dict[str, Any]:
    from reports.as_known import differences, sent, version_at
    from reports.compose import outbox_folder
    from signalroom import clock
    from transform.as_known import build_as_known, client_as_known

    folder = out or outbox_folder() / "as-known"
    stem = f"{one.name}-{client.id}-{day.isoformat()}"
    answer: dict[str, Any] = {
        "report": one.name,
        "client": client.id,
        "date": day.isoformat(),
        "known_at": at.isoformat(),
        "sent": [_kept(message, folder, stem) for message in sent(one, client, day, at)],
        "note": None,
        "then": None,
        "now": None,
        "differences": [],
    }
    if one.folder not in REMEMBERED:
        answer["note"] = (
            "Only the message as sent: orders are not remembered version by version, so what "
            "was known of them then cannot be told."
        )
        return answer
    known = client_as_known(client, at)
    if not one.is_for(known):
        answer["note"] = (
            f"Only the message as sent: the registry of then had no brand {one.brand} of "
            f"{client.id}."
        )
        return answer
    then = version_at(one, known, day, at, build_as_known(known, at))
    now = version_at(one, client, day, clock.now())
    answer |= {"then": _shown(then), "now": _shown(now)}
    answer["differences"] = [
        {**asdict(found), "then": _text(found.then), "now": _text(found.now)}
        for found in differences(then.figures, now.figures)
    ]
    return answer


def _kept(message: Sent, folder: Path, stem: str) -> dict[str, Any]:
    """A message as it was sent to its channel, written unchanged to a file."""
    path = None
    if message.payload is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{stem}.sent.{message.channel}.json"
        path.write_bytes(message.payload.encode())
    return {
        "channel": message.channel,
        "edition": message.edition,
        "sent_at": message.sent_at.isoformat(),
        "payload": message.payload,
        "file": None if path is None else str(path),
    }


def _shown(version: Version) -> dict[str, Any]:
    return {"headline": version.headline, "text": version.messages["email"]["text"]}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"


def _print(answer: dict[str, Any]) -> None:
    from signalroom.times import moment

    at = moment(datetime.fromisoformat(answer["known_at"]))
    click.secho(f"{answer['report']} of {answer['client']} for {answer['date']}, as known at {at}")
    for message in answer["sent"]:
        when = moment(datetime.fromisoformat(message["sent_at"]))
        kept = message["file"] or "its text is no longer kept"
        click.echo(f"\nSent by {message['channel']} on {when} ({message['edition']}):\n  {kept}")
    if not answer["sent"]:
        click.echo("\nNo message about it had been delivered by then.")
    if answer["note"]:
        click.echo(f"\n{answer['note']}")
        return
    for title, name in (("As known then", "then"), ("As known now", "now")):
        click.echo(f"\n--- {title}\n{answer[name]['text'].strip()}")
    found = answer["differences"]
    click.echo(f"\n--- {counted(len(found), 'figure') if found else 'No figures'} differ")
    for one in found[:MOST]:
        of = ", ".join(
            value
            for name, value in one["keys"].items()
            if name not in ("advertiser_id", "brand") and value
        )
        click.echo(f"  {one['metric']} ({of}): {_short(one['then'])} -> {_short(one['now'])}")
    if len(found) > MOST:
        click.echo(f"  and {len(found) - MOST} more: --json has them all.")


def _short(value: str | None) -> str:
    if value is None:
        return "not given"
    return f"{round(Decimal(value), 4).normalize():f}"
