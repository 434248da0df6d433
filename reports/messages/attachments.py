"""Attachments: pictures and tables of a message, in the form that its channel accepts.

In the content of a message a file is a mapping of `filename`, `content` (base64) and
`content_type`, for an inline picture also `content_id`. Slack's content has its files under
`extras`, which is not part of the Block Kit payload: `pictures` with the position of the block that
each replaces, `tables` with the blocks to use if a table is rejected, and `files`.
"""

from __future__ import annotations

import base64
import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from reports.charts import Picture
from reports.shared.text import clean

DANGEROUS = frozenset("=+-@\t\r")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Sheet:
    """A table: titles, and rows of values in their own types (None: an empty cell)."""

    titles: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def csv(self) -> bytes:
        """UTF-8 with a byte-order mark, so that Excel reads names right; lines end with CRLF."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(self.titles)
        writer.writerows([cell(value) for value in row] for row in self.rows)
        return text.getvalue().encode("utf-8-sig")


def sheet(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> Sheet:
    """A table of any sequences."""
    return Sheet(tuple(titles), tuple(tuple(row) for row in rows))


def cell(value: object) -> str:
    """A value as a cell: decimals with all digits, text that no program reads as a formula.

    Like a spreadsheet, this ignores blanks and treats full-width signs as plain ones.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, (int, date)):
        return str(value)
    return guarded(str(value))


def guarded(text: str) -> str:
    """Text without invisible characters, after an apostrophe if it could be a formula."""
    shown = clean(text)
    # Invisible characters may precede the sign; a plain number is not a formula.
    looks = [unicodedata.normalize("NFKC", one).lstrip(" \u00a0\n\v\f") for one in (text, shown)]
    if any(one[:1] in DANGEROUS for one in looks if one) and not NUMBER.fullmatch(shown):
        return f"'{shown}"
    return shown


def _plain(value: Decimal) -> str:
    """All digits, without trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


File = dict[str, str]
CSV_TYPE = "text/csv; charset=utf-8"


class Inline:
    """Collects the pictures that a template shows; gives each a `cid:` URL."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def __call__(self, picture: Picture) -> str:
        """The URL of a picture inside the email."""
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
    """Messages with the table attached if their channel accepts files; none without rows."""
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
    """The HTML with embedded pictures, so that a browser shows it like a mail client."""
    for file in attachments:
        if "content_id" in file:
            uri = f'src="data:{file["content_type"]};base64,{file["content"]}"'
            html = re.sub(rf'src="cid:{re.escape(file["content_id"])}"', uri, html)
    return html
