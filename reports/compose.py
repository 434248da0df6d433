"""Composition: query, context and rendering of one report, and its files in the outbox folder.

Nothing here leaves the machine; reports.delivery sends the composed report.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.delivery.outbox import Outbox
from reports.messages.attachments import CSV_TYPE, with_data_uris, with_sheet
from reports.model import Content, LastReport, Rendered, Report, Rows, Subject, own_rows
from signalroom import clock, warehouse
from signalroom.clients import Client
from signalroom.clients import client as client_of
from signalroom.errors import ReportError, WarehouseError
from signalroom.paths import home
from signalroom.simulated import is_simulated

if TYPE_CHECKING:
    from reports.messages.attachments import Sheet

KNOWN_AT = """
select max(coalesce(known_to, known_from)) as at
from daily_performance_versions
where _client_id = :client_id
"""


def read_rows(report: Report, client: Client, day: date) -> Rows:
    """The rows of a report's queries, read as one snapshot.

    Raises ReportError when a row is not the client's own.
    """
    parameters = report.parameters(client, day)
    if report.read is not None:
        found: Rows = {"query": report.read(client, day)}
    else:
        found = warehouse.read_together(report.sql(), parameters, client_id=client.id)
    return {name: own_rows(rows, client.id) for name, rows in found.items()}


def compose(name: str, client_id: str, day: date, channels: Sequence[str] = ()) -> Rendered:
    """Query and render a report; nothing is sent or written.

    Without `channels`, all that the report has. Raises ReportError for an unknown report, channel
    or combination, and WarehouseError when the marts cannot be read.
    """
    # Imported only to compose, so that the scheduler stays small.
    from reports import registry

    report, client = registry.find(name), client_of(client_id)
    unknown = [channel for channel in channels if channel not in report.channels]
    if unknown:
        raise ReportError(
            f"{name} has no channel {unknown[0]!r}; it has: {', '.join(report.channels)}."
        )
    as_of = _known_at(report, client)
    rows = read_rows(report, client, day)
    with Outbox() as outbox:
        history = outbox.last_reports(report.name, client.id)
    context = context_of(report, client, day, rows, history)
    return Rendered(
        report=report.name,
        client_id=client.id,
        day=report.last_day(day),
        requested_day=day,
        edition=context.completeness.edition,
        messages=messages_of(report, client, day, context, channels or report.channels),
        reported=context.reported,
        figures=tuple(context.figures),
        as_of=as_of,
        context=context,
    )


def _known_at(report: Report, client: Client) -> datetime:
    """The instant of the marts' data: a pull that no build has read yet is not included."""
    now = clock.now()
    if report.read is not None:
        return now
    try:
        row = warehouse.read(KNOWN_AT, {"client_id": client.id}, client_id=client.id)[0]
    except WarehouseError:
        return now  # no versions have been built yet
    return now if row["at"] is None else min(row["at"], now)


def context_of(
    report: Report, client: Client, day: date, rows: Rows, history: Mapping[date, LastReport]
) -> Any:
    """The context of a report, from its rows and from earlier reports."""
    brand = report.brand_of(client)
    subject = Subject(
        report=report.name,
        title=report.title,
        client_id=client.id,
        brand=brand.name if brand else "",
        day=report.last_day(day),
        client_name=client.name,
        brands={brand.advertiser_id: brand.name for brand in client.brands},
        requested_day=day,
    )
    return report.build(subject, rows, history)


def messages_of(
    report: Report, client: Client, day: date, context: Any, channels: Sequence[str]
) -> dict[str, Content]:
    """The message of each channel, with its files."""
    from reports.messages import render

    made_up = is_simulated()
    messages = {
        channel: render.render(channel, report.folder, context, client.id, made_up)
        for channel in channels
    }
    sheet: Sheet | None = getattr(context, "sheet", None)
    last_day = report.last_day(day).isoformat()
    return with_sheet(messages, sheet, f"{report.name}-{client.id}-{last_day}.csv")


def outbox_folder() -> Path:
    """The default folder for rendered reports."""
    return home() / "outbox"


def write(rendered: Rendered, out: Path | None = None) -> tuple[Path, ...]:
    """Write the files of a report, each atomically. Returns their paths."""
    folder = out or outbox_folder()
    stem = f"{rendered.report}-{rendered.client_id}-{rendered.requested_day.isoformat()}"
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, body in _files(rendered.messages).items():
            path = folder / f"{stem}.{ending}"
            partial = path.with_name(f".{path.name}.partial")
            partial.write_bytes(body)
            partial.replace(path)
            paths.append(path)
    except OSError as error:
        raise ReportError(
            f"{rendered.report} cannot be written to {folder}: {error.strerror}."
        ) from error
    return tuple(paths)


def _files(messages: Mapping[str, Content]) -> dict[str, bytes]:
    """The content of each file, by its suffix.

    Slack's is the payload without pictures; the email's has its pictures embedded.
    """
    files: dict[str, str | bytes] = {}
    for channel, content in messages.items():
        if channel == "slack":
            shown = {name: value for name, value in content.items() if name != "extras"}
            files["slack.json"] = json.dumps(shown, ensure_ascii=False, indent=2) + "\n"
        elif channel == "email":
            attachments = content.get("attachments", [])
            files["email.html"] = with_data_uris(content["html"], attachments)
            files["email.txt"] = content["text"]
            for file in attachments:
                if file["content_type"] == CSV_TYPE:
                    files["csv"] = base64.b64decode(file["content"])
        else:
            files["sms.txt"] = content["body"] + "\n"
    return {
        ending: body.encode() if isinstance(body, str) else body for ending, body in files.items()
    }
