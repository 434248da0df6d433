"""The last messages as they were sent, from the outbox, for display."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports.messages.attachments import with_data_uris
from signalroom import clock
from signalroom.errors import WarehouseError
from signalroom.run_database import prepared_engine
from signalroom.tables import OUTBOX as TABLE
from signalroom.warehouse import first_line

ALERT = "alert"
LIMIT = 500  # messages
# `*bold*` and `_italic_` of Slack, around whole words.
EMPHASIS = re.compile(r"(?<!\w)[*_](\S(?:.*?\S)?)[*_](?!\w)")


@dataclass(frozen=True)
class Message:
    """One message. `text` is what its channel shows, as plain text; `html` an email's HTML."""

    key: str
    report: str
    client_id: str
    period: date
    edition: str
    channel: str
    recipient: str
    status: str
    reason: str
    at: datetime
    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Sent:
    """One edition of a report for a day: its messages by channel, each with all its recipients."""

    report: str
    client_id: str
    period: date
    edition: str
    at: datetime
    messages: tuple[tuple[Message, tuple[Message, ...]], ...]

    @property
    def failures(self) -> int:
        """How many recipients may be missing it."""
        return sum(
            one.status in ("dead", "unknown", "pending")
            for _, all_ in self.messages
            for one in all_
        )


def archive(days: int) -> list[tuple[date, list[Sent]]]:
    """The reports of the last days by day, the newest first, with recipients combined.

    Alerts are listed elsewhere.
    """
    since = clock.today() - timedelta(days=days)
    found = _messages(
        sa.select(TABLE)
        .where(TABLE.c.report != ALERT, TABLE.c.period >= since)
        .order_by(TABLE.c.created_at.desc())
        .limit(LIMIT)
    )
    groups: dict[tuple[date, str, str, str], list[Message]] = {}
    for one in found:
        groups.setdefault((one.period, one.client_id, one.report, one.edition), []).append(one)
    by_day: dict[date, list[Sent]] = {}
    for (period, client_id, report, edition), messages in groups.items():
        channels: dict[str, list[Message]] = {}
        for one in messages:
            channels.setdefault(one.channel, []).append(one)
        sent = Sent(
            report,
            client_id,
            period,
            edition,
            max(one.at for one in messages),
            tuple((those[0], tuple(those)) for _, those in sorted(channels.items())),
        )
        by_day.setdefault(period, []).append(sent)
    return sorted(by_day.items(), reverse=True)


def message(key: str) -> Message | None:
    """The message of that key."""
    found = _messages(sa.select(TABLE).where(TABLE.c.dedupe_key == key))
    return found[0] if found else None


def _messages(query: sa.Select[Any]) -> list[Message]:
    engine = prepared_engine()
    try:
        with engine.connect() as connection:
            return [_message(row) for row in connection.execute(query).mappings()]
    except SQLAlchemyError as error:
        raise WarehouseError(f"The outbox cannot be read: {first_line(error)}") from error
    finally:
        engine.dispose()


def _message(row: Any) -> Message:
    payload: dict[str, Any] = json.loads(row["payload"])
    channel = row["channel"]
    return Message(
        key=row["dedupe_key"],
        report=row["report"],
        client_id=row["_client_id"],
        period=row["period"],
        edition=row["edition"],
        channel=channel,
        recipient=row["recipient"],
        status=row["status"],
        reason=row["reason"] or "",
        at=row["sent_at"] or row["created_at"],
        subject=str(payload.get("subject") or ""),
        text=_slack_text(payload) if channel == "slack" else _plain(payload),
        html=_mail(payload) if channel == "email" else "",
    )


def _mail(payload: dict[str, Any]) -> str:
    """An email's HTML with embedded pictures, since it may not fetch anything."""
    return with_data_uris(str(payload.get("html") or ""), payload.get("attachments") or [])


def _plain(payload: dict[str, Any]) -> str:
    return str(payload.get("body") or payload.get("text") or "")


def _slack_text(payload: dict[str, Any]) -> str:
    """The blocks' text, a paragraph each; the fallback text without blocks."""
    said = []
    for block in payload.get("blocks") or []:
        parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        texts = [part["text"] for part in parts if isinstance(part, dict) and "text" in part]
        paragraph = "\n".join(_without_marks(str(text)) for text in texts)
        said.append(paragraph if texts else "")
    text = "\n\n".join(one for one in said if one)
    return text or str(payload.get("text") or "")


def _without_marks(text: str) -> str:
    if text.startswith("```"):
        return html.unescape(text.strip("`").strip("\n"))
    return html.unescape(EMPHASIS.sub(r"\1", text).replace("`", ""))
