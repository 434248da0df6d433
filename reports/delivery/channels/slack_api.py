"""Calls of Slack's methods, and how each can end."""

from __future__ import annotations

import base64
import json
import logging
import socket
import urllib.error
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

import httpx
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from reports.delivery.channels import http
from reports.delivery.channels.http import Ambiguous, Later, Outcome, Refused, wait_from
from signalroom.logs import mask
from signalroom.settings import require, variable

# Slack's own trouble, after which nobody knows whether the message was posted.
UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class Declined(Refused):
    """Slack said `ok: false`; `code` is its name for the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def call(
    client_id: str, method: str, arguments: dict[str, Any], as_form: bool = False
) -> dict[str, Any]:
    """A method's answer; raises an Outcome. The methods for files take forms only."""
    # No retry handlers: the SDK's own would post again after a lost connection.
    client = WebClient(
        token=require("SLACK_BOT_TOKEN", client_id),
        base_url=variable("SLACK_BASE_URL", client_id) or WebClient.BASE_URL,
        timeout=int(http.TIMEOUT_S),
        retry_handlers=[],
    )
    try:
        if as_form:
            answer = client.api_call(method, data=arguments)
        else:
            answer = client.api_call(method, json=arguments)
    except SlackApiError as error:
        raise _outcome(error) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, (ConnectionRefusedError, socket.gaierror)):
            raise Later(f"cannot be reached: {error.reason}", 1.0) from error
        raise Ambiguous(f"did not answer: {error.reason}") from error
    except (OSError, HTTPException, SlackClientError, ValueError) as error:
        raise Ambiguous(f"did not answer: {error or type(error).__name__}") from error
    data = answer.data
    if not isinstance(data, dict):
        raise Ambiguous("answered with something else than JSON")
    return data


def _outcome(error: SlackApiError) -> Exception:
    response: Any = error.response
    status = getattr(response, "status_code", 0)
    code = response.get("error") if isinstance(getattr(response, "data", None), dict) else None
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return Later("asks to slow down (429)", wait_from(getattr(response, "headers", None)))
    if status >= 500 or code in UNSURE or code is None:
        return Ambiguous(f"failed ({status or 'no JSON'})")
    details = "; ".join((response.get("response_metadata") or {}).get("messages", []))
    return Declined(code, f"refused: {code}{f' ({details})' if details else ''}")


log = logging.getLogger(__name__)
File = dict[str, Any]


def with_pictures(client_id: str, blocks: list[Any], pictures: Sequence[File]) -> list[Any]:
    """The blocks with each picture in the place of its text, where Slack takes the file.

    The file is given to no channel: only the message shows it, so that nothing is posted twice.
    """
    shown = list(blocks)
    for picture in pictures:
        try:
            file_id = _upload(client_id, picture)
            _complete(client_id, file_id, picture["filename"])
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
    """Put files into the thread of a posted message; once, so that none is there twice."""
    for file in files:
        try:
            file_id = _upload(client_id, file)
            thread = {"channel_id": channel, "thread_ts": ts}
            _complete(client_id, file_id, file["filename"], thread)
        except Outcome as failure:
            log.warning("%s is not attached: Slack %s", file["filename"], mask(str(failure)))
            return


def _upload(client_id: str, file: File) -> str:
    """Hand the bytes over; the id of the file. Raises an Outcome."""
    body = base64.b64decode(file["content"])
    asked = {"filename": file["filename"], "length": str(len(body))}
    answer = call(client_id, "files.getUploadURLExternal", asked, as_form=True)
    address, file_id = answer.get("upload_url"), answer.get("file_id")
    if not address or not file_id:
        raise Refused("gave no address for the file")
    try:
        with httpx.Client(timeout=http.TIMEOUT_S) as client:
            taken = client.post(str(address), content=body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Ambiguous(f"did not take the file: {error or type(error).__name__}") from error
    if taken.status_code != 200:
        raise Refused(f"did not take the file ({taken.status_code})")
    return str(file_id)


def _complete(
    client_id: str, file_id: str, title: str, thread: dict[str, str] | None = None
) -> None:
    files = json.dumps([{"id": file_id, "title": title}])
    call(
        client_id, "files.completeUploadExternal", {"files": files, **(thread or {})}, as_form=True
    )
