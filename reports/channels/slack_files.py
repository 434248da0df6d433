"""Files in Slack: a picture inside its message, a table in the message's thread.

Neither is the message: whatever goes wrong here is said in the log, and the message goes out with
text in the picture's place, once.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Sequence
from typing import Any

import httpx

from reports.channels.outcome import Ambiguous, Outcome, Refused
from reports.delivery.channels import http
from reports.delivery.channels.slack_api import call
from signalroom.masking import mask

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
