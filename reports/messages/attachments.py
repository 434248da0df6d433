"""Attachments: pictures and tables that go along with a message, as its channel takes them.

In the content of a message a file is a mapping of `filename`, `content` (base64) and
`content_type`, of an inline picture also `content_id`. Slack's content carries its own under
`extras`, which is no part of the Block Kit payload: `pictures` with the place of the block that
each stands for, `tables` with the blocks to use where a table is refused, and `files`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from reports.messages.charts import Picture
from reports.spreadsheet import Sheet

File = dict[str, str]
CSV_TYPE = "text/csv; charset=utf-8"


class Inline:
    """Collects the pictures that a template shows; gives each its `cid:` address."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def __call__(self, picture: Picture) -> str:
        """The address of a picture inside the e-mail."""
        self.files[picture.name] = {
            "filename": picture.filename,
            "content": picture.base64,
            "content_type": "image/png",
            "content_id": picture.name,
        }
        return f"cid:{picture.name}"


def with_sheet(
    messages: Mapping[str, dict[str, Any]], sheet: Sheet | None, filename: str
) -> dict[str, dict[str, Any]]:
    """Messages with the table attached where their channel takes files; none for no rows."""
    attached = {channel: dict(content) for channel, content in messages.items()}
    if sheet is None or not sheet.rows:
        return attached
    body = base64.b64encode(sheet.csv()).decode("ascii")
    file: File = {"filename": filename, "content": body, "content_type": CSV_TYPE}
    if "email" in attached:
        before = attached["email"].get("attachments", [])
        attached["email"]["attachments"] = [*before, file]
    if "slack" in attached:
        attached["slack"]["extras"] = {**attached["slack"].get("extras", {}), "files": [file]}
    return attached


def with_data_uris(html: str, attachments: list[File]) -> str:
    """The HTML with its pictures inside, so that a browser shows it as a mail program does."""
    for file in attachments:
        if "content_id" in file:
            uri = f'src="data:{file["content_type"]};base64,{file["content"]}"'
            html = re.sub(rf'src="cid:{re.escape(file["content_id"])}"', uri, html)
    return html
