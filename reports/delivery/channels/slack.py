"""Slack: effectively once. A retry first looks for the message's key in the channel's history."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

from reports.delivery.channels import slack_api as slack_files
from reports.delivery.channels.http import Ambiguous, Confirm, Outcome, Refused, parse
from reports.delivery.channels.slack_api import Declined, Unsure, call, call_for_headers
from reports.delivery.outbox import Entry
from signalroom.settings import variable

NAME = "Slack"
REQUIRED = ("SLACK_BOT_TOKEN", "SLACK_CHANNEL_ID")
RECIPIENTS = "SLACK_CHANNEL_ID"
RESENDS_UNKNOWN = True
EVENT = "signalroom_report"
PAGES = 5
BLOCK_TROUBLE = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_blocks_too_long"}
)
SCOPES = {  # besides the one for the history, which is checked in each channel
    "chat:write": "no message can be posted",
    "files:write": "pictures are sent as text, files are not attached",
    "files:read": "a picture may be shown too early",
}
RICH = frozenset({"data_table", "data_visualization", "table", "image"})
LOOK_UP_PAUSE_S = 1.0  # until a posted message appears in the channel's history
PICTURE, PICTURE_PAUSES_S = "slack file", (1.0, 2.0)
log = logging.getLogger(__name__)


def payload(client_id: str, recipient: str, key: str, content: dict[str, Any]) -> dict[str, Any]:
    """Arguments of chat.postMessage, with our key in the metadata.

    Content with a timestamp `ts` edits that message: arguments of chat.update, which keeps the
    metadata.
    """
    if "ts" in content:
        return {**content, "channel": recipient}
    return {
        **content,
        "channel": recipient,
        "metadata": {"event_type": EVENT, "event_payload": {"key": key, "client": client_id}},
        "unfurl_links": False,
        "unfurl_media": False,
    }


def send(entry: Entry, confirm: Confirm) -> str:
    """Post a stored message, or make a stored edit. Returns the timestamp; raises an Outcome.

    `confirm` is called just before a request that may reach people.
    """
    arguments = parse(entry.payload)
    extras = arguments.pop("extras", {})
    if "ts" in arguments:
        confirm()
        return _timestamp(call(entry.client_id, "chat.update", arguments))
    channel, ts = _post(entry, arguments, extras, confirm)
    slack_files.attach(entry.client_id, channel, ts, extras.get("files", []))
    return ts


def _post(
    entry: Entry, arguments: dict[str, Any], extras: dict[str, Any], confirm: Confirm
) -> tuple[str, str]:
    """Post in the richest form that Slack accepts; the channel and the timestamp.

    A rejection means that nothing was posted, so a retry cannot duplicate it. After a server error
    it is unknown: the message is looked up before a plainer form is tried.
    """
    refusal: Outcome | None = None
    tried: list[Any] = []
    for pause, form in _forms(entry.client_id, arguments.get("blocks", []), extras):
        refused_picture = isinstance(refusal, Declined) and PICTURE in refusal.details
        if form in tried and not (pause and refused_picture):
            continue
        tried.append(form)
        time.sleep(pause)
        confirm()
        try:
            answer = call(entry.client_id, "chat.postMessage", {**arguments, "blocks": form})
            return str(answer.get("channel") or entry.recipient), _timestamp(answer)
        except Declined as declined:
            if declined.code not in BLOCK_TROUBLE:
                raise
            refusal = declined
        except Unsure as trouble:
            if not _is_rich(form):
                raise
            time.sleep(LOOK_UP_PAUSE_S)
            found = _looked_up(entry, trouble)
            if found:
                return entry.recipient, found
            refusal = trouble
        log.info("Slack %s: sent in a plainer form", refusal)
    raise refusal or Refused("refused: invalid_blocks")


def _forms(
    client_id: str, blocks: list[Any], extras: dict[str, Any]
) -> Iterator[tuple[float, list[Any]]]:
    """The forms of a message, the richest first, each with the seconds to wait before it.

    Sortable tables and charts drawn by Slack; then pictures and plain tables; then the same without
    pictures; then text. Files are uploaded only if needed.
    """
    native, pictures = extras.get("native", []), extras.get("pictures", [])
    drawn = {one["at"] for one in native}
    if native:
        rest = [one for one in pictures if one["at"] not in drawn]
        yield 0.0, _replaced(slack_files.with_pictures(client_id, blocks, rest), native)
    shown = slack_files.with_pictures(client_id, blocks, pictures)
    yield 0.0, shown
    if shown != blocks:  # a picture may be rejected until Slack has processed it
        yield from ((pause, shown) for pause in PICTURE_PAUSES_S)
    yield 0.0, blocks
    yield 0.0, _replaced(blocks, extras.get("tables", []))


def _is_rich(form: list[Any]) -> bool:
    """Whether a plainer form is left if this one fails."""
    return any(block["type"] in RICH for block in form)


def _looked_up(entry: Entry, trouble: Outcome) -> str | None:
    """The timestamp of the message, if it was posted after all; raises if that is unknown."""
    try:
        return find(entry, frozenset())
    except Outcome:
        raise trouble from None


def _replaced(blocks: list[Any], others: list[dict[str, Any]]) -> list[Any]:
    """The blocks, with some replaced by others."""
    instead = {one["at"]: one["blocks"] for one in others}
    return [one for at, block in enumerate(blocks) for one in instead.get(at, [block])]


def find(entry: Entry, known: frozenset[str], is_new: bool = False) -> str | None:
    """The timestamp of an earlier attempt's message, looked up by key; None: it never arrived.

    An edit may simply be repeated.
    """
    if "ts" in parse(entry.payload):
        return None
    asked = {"channel": entry.recipient, "include_all_metadata": "true", "limit": 200}
    cursor = ""
    for _ in range(PAGES):
        page = {**asked, "cursor": cursor} if cursor else asked
        answer = call(entry.client_id, "conversations.history", page)
        if not isinstance(answer.get("messages"), list):
            raise Ambiguous("answered without the channel's messages")
        for message in answer["messages"]:
            event = _inside(_inside(message, "metadata"), "event_payload")
            ts = str(_inside(message).get("ts") or "")
            if event.get("key") == entry.dedupe_key and ts and ts not in known:
                return ts
        cursor = str(_inside(answer, "response_metadata").get("next_cursor") or "")
        if not cursor:
            return None
    raise Ambiguous(f"it is not among the last {PAGES * 200} messages of {entry.recipient}")


def _timestamp(answer: dict[str, Any]) -> str:
    """The timestamp in Slack's response; without one it is looked up."""
    if not answer.get("ts"):
        raise Ambiguous("says ok and gives no timestamp")
    return str(answer["ts"])


def _inside(value: Any, name: str = "") -> dict[str, Any]:
    """The object, or the one under that name in it; empty if there is none."""
    found = value.get(name) if name and isinstance(value, dict) else value
    return found if isinstance(found, dict) else {}


def probe(client_id: str) -> list[str]:
    """What the token may not do, one line each; raises an Outcome if it cannot be used.

    It must be valid, allowed to post, and able to read every channel, where a retry looks for its
    message.
    """
    _, headers = call_for_headers(client_id, "auth.test", {})
    given = headers.get("x-oauth-scopes")
    scopes = [one.strip() for one in given.split(",")] if given else list(SCOPES)
    if "chat:write" not in scopes:
        raise Refused("does not let the token post: add the scope chat:write and reinstall the app")
    written = [variable(name, client_id) or "" for name in (RECIPIENTS, "SLACK_ALERT_CHANNEL_ID")]
    channels = (part.strip() for text in written for part in text.split(",") if part.strip())
    for channel in dict.fromkeys(channels):
        try:
            call(client_id, "conversations.history", {"channel": channel, "limit": 1})
        except Declined as declined:
            joined = ": invite the bot there" if declined.code == "not_in_channel" else ""
            raise Refused(f"channel {channel} {declined}{joined}") from None
    return [f"the token lacks {name}: {so}" for name, so in SCOPES.items() if name not in scopes]
