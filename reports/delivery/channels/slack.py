"""Slack: effectively once. A retry first looks for the message's key in the channel's history.

The last part calls Slack's methods and classifies their outcomes.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from reports.delivery.channels import http
from reports.delivery.channels.http import (
    Ambiguous,
    Confirm,
    Later,
    Outcome,
    Refused,
    parse,
    wait_from,
)
from reports.delivery.outbox import Entry
from signalroom.logs import mask
from signalroom.settings import require, variable

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
# Slack's internal errors, after which it is unknown whether the message was posted.
UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
SLOWER = frozenset({"ratelimited", "rate_limited"})
# The workspace is being migrated: nothing is processed meanwhile, and it is temporary.
MOVING = frozenset({"team_added_to_org", "org_login_required"})
MOVING_S = 60.0
TIMED_OUT = 408
LOOKS, LOOK_PAUSE_S = 12, 0.5
READS = frozenset({"conversations.history", "files.info"})  # methods that do not accept JSON
FORMS = frozenset({"files.getUploadURLExternal", "files.completeUploadExternal"})
BASE_URL = "https://slack.com/api/"
File = dict[str, Any]
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
    _attach(entry.client_id, channel, ts, extras.get("files", []))
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
        yield 0.0, _replaced(_with_pictures(client_id, blocks, rest), native)
    shown = _with_pictures(client_id, blocks, pictures)
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
    params = {"channel": entry.recipient, "include_all_metadata": "true", "limit": 200}
    cursor = ""
    for _ in range(PAGES):
        page = {**params, "cursor": cursor} if cursor else params
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


class Declined(Refused):
    """Slack answered `ok: false`; `code` is its error code, `details` its additional text."""

    def __init__(self, code: str, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.code, self.details = code, details


class Unsure(Ambiguous):
    """Slack answered with an internal error; it may have processed the request."""


def call(client_id: str, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A method's response; raises an Outcome. Reads are GETs, file methods take forms."""
    return call_for_headers(client_id, method, arguments)[0]


def call_for_headers(
    client_id: str, method: str, arguments: dict[str, Any]
) -> tuple[dict[str, Any], httpx.Headers]:
    """Like `call`, with the response headers, which list the token's scopes."""
    base = variable("SLACK_BASE_URL", client_id) or BASE_URL
    token = require("SLACK_BOT_TOKEN", client_id)
    url = f"{base.rstrip('/')}/{method}"
    request: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"}}
    request["params" if method in READS else "data" if method in FORMS else "json"] = arguments
    try:
        answer = http.exchange("GET" if method in READS else "POST", url, **request)
        data = answer.json()
    except (*http.NOT_REACHED, httpx.InvalidURL) as error:
        raise Later(f"cannot be reached: {error}", 1.0) from error
    except UnicodeEncodeError as error:
        raise Refused("cannot be asked: SLACK_BOT_TOKEN has letters that no token has") from error
    except httpx.HTTPError as error:
        raise Ambiguous(f"did not answer: {error or type(error).__name__}") from error
    except ValueError:  # a proxy's page, or nothing
        data = None
    if not isinstance(data, dict):
        raise _outcome(answer, {})
    if answer.status_code == 200 and data.get("ok") is True:
        return data, answer.headers
    raise _outcome(answer, data)


def _outcome(answer: httpx.Response, data: dict[str, Any]) -> Outcome:
    status, code = answer.status_code, data.get("error")
    if status == 429 or code in SLOWER:
        return Later("asks to slow down (429)", wait_from(answer.headers))
    if code in MOVING:
        return Later(f"is being moved ({code})", wait_from(answer.headers, MOVING_S))
    if status < 500 and code in UNSURE:
        return Unsure(f"failed ({code})")
    if 400 <= status < 500 and status != TIMED_OUT and not isinstance(code, str):
        return Refused(f"is not at this address ({status}, no answer of Slack's): SLACK_BASE_URL?")
    if status >= 500 or not isinstance(code, str):
        return Ambiguous(f"failed ({code or status}{'' if data else ', no JSON'})")
    said = data.get("response_metadata")
    messages = said.get("messages") if isinstance(said, dict) else None
    details = "; ".join(str(one) for one in messages) if isinstance(messages, list) else ""
    if code == "missing_scope" and data.get("needed"):
        details = f"the token needs the scope {data['needed']}"
    return Declined(code, f"refused: {code}{f' ({details})' if details else ''}", details)


def _with_pictures(client_id: str, blocks: list[Any], pictures: Sequence[File]) -> list[Any]:
    """The blocks with each picture in place of its text, if Slack accepts the file.

    The file is not shared with a channel: only the message shows it, so that nothing is posted
    twice.
    """
    shown = list(blocks)
    for picture in pictures:
        try:
            file_id = _upload(client_id, picture)
            _complete(client_id, file_id, picture["filename"])
            _await_processing(client_id, file_id)
        except Outcome as failure:
            log.warning("%s is sent as text: Slack %s", picture["filename"], mask(str(failure)))
            return list(blocks)
        shown[picture["at"]] = {
            "type": "image",
            "slack_file": {"id": file_id},
            "alt_text": picture["alt_text"],
        }
    return shown


def _attach(client_id: str, channel: str, ts: str, files: Sequence[File]) -> None:
    """Upload files to the thread of a posted message; only once, to avoid duplicates."""
    for file in files:
        try:
            file_id = _upload(client_id, file)
            thread = {"channel_id": channel, "thread_ts": ts}
            _complete(client_id, file_id, file["filename"], thread)
        except Outcome as failure:
            log.warning("%s is not attached: Slack %s", file["filename"], mask(str(failure)))
            return


def _upload(client_id: str, file: File) -> str:
    """Upload the bytes; the id of the file. Raises an Outcome."""
    body = base64.b64decode(file["content"])
    arguments = {"filename": file["filename"], "length": str(len(body))}
    answer = call(client_id, "files.getUploadURLExternal", arguments)
    address, file_id = answer.get("upload_url"), answer.get("file_id")
    if not address or not file_id:
        raise Refused("gave no address for the file")
    try:
        taken = http.exchange("POST", str(address), content=body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Ambiguous(f"did not take the file: {error or type(error).__name__}") from error
    if taken.status_code != 200:
        raise Refused(f"did not take the file ({taken.status_code})")
    return str(file_id)


def _complete(
    client_id: str, file_id: str, title: str, thread: dict[str, str] | None = None
) -> None:
    files = json.dumps([{"id": file_id, "title": title}])
    call(client_id, "files.completeUploadExternal", {"files": files, **(thread or {})})


def _await_processing(client_id: str, file_id: str) -> None:
    """Wait until Slack has processed a picture, before which no message may show it.

    If the token may not check this, posting the message will tell.
    """
    for _ in range(LOOKS):
        try:
            file = call(client_id, "files.info", {"file": file_id}).get("file") or {}
        except Declined:
            return
        if file.get("mimetype"):
            return
        time.sleep(LOOK_PAUSE_S)
