"""Calls of Slack's methods, and their possible outcomes."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Sequence
from typing import Any

import httpx

from reports.delivery.channels import http
from reports.delivery.channels.http import Ambiguous, Later, Outcome, Refused, wait_from
from signalroom.logs import mask
from signalroom.settings import require, variable

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


log = logging.getLogger(__name__)
File = dict[str, Any]


def with_pictures(client_id: str, blocks: list[Any], pictures: Sequence[File]) -> list[Any]:
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


def attach(client_id: str, channel: str, ts: str, files: Sequence[File]) -> None:
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
    asked = {"filename": file["filename"], "length": str(len(body))}
    answer = call(client_id, "files.getUploadURLExternal", asked)
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
