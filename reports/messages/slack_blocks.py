"""Slack payloads: Block Kit blocks that stay within Slack's limits whatever the data.

A Slack template calls the methods of `Blocks`; the text inside a call is the block's text, already
escaped by the template's environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from reports.charts import Picture
from reports.messages.table import Table, raw_text_rows
from reports.shared.figures import MINUS
from reports.shared.text import ELLIPSIS

Block = dict[str, Any]
Caller = Callable[[], str]

MOST_BLOCKS = 50
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
MOST_FIELDS = 10
CONTEXT_LIMIT = 2000
FALLBACK_LIMIT = 4000
# Slack documents no limit over all blocks, but rejects messages of about 13,200 characters or more.
TOTAL_LIMIT = 12_000
ALT_LIMIT = 2000
MOST_ROWS = 100
TABLE_LIMIT = 6000  # characters; with the other texts a message stays below the total limit
FENCE = "```"


class Blocks:
    """Collects the blocks and the fallback text of one message."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._fallback = ""
        self._pictures: dict[int, dict[str, str]] = {}
        self._tables: dict[int, list[Block]] = {}
        self._native: dict[int, list[Block]] = {}

    def fallback(self, caller: Caller) -> str:
        """The text of notifications and screen readers."""
        self._fallback = cut(_tidy(caller()), FALLBACK_LIMIT)
        return ""

    def header(self, caller: Caller) -> str:
        """A headline in plain text."""
        text = cut(" ".join(caller().split()), HEADER_LIMIT)
        self._blocks.append(
            {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}
        )
        return ""

    def section(self, caller: Caller) -> str:
        """A paragraph."""
        self._add_text("section", cut(_tidy(caller()), SECTION_LIMIT))
        return ""

    def fields(self, caller: Caller) -> str:
        """Short texts side by side, separated by blank lines."""
        parts = [part for part in re.split(r"\n\s*\n", _tidy(caller())) if part.strip()]
        fields = [_mrkdwn(cut(part.strip(), FIELD_LIMIT)) for part in parts[:MOST_FIELDS]]
        if fields:
            self._blocks.append({"type": "section", "fields": fields})
        return ""

    def code(self, caller: Caller) -> str:
        """Lines in a fixed-width font, continued in further blocks if needed."""
        self._blocks += _code_blocks(caller())
        return ""

    def table(self, table: Table, caller: Caller) -> str:
        """A sortable table; a plain table, then text, if Slack rejects the former.

        The caller's block is the text. A message may have one table, so a second one, and one that
        is too large, is text from the start.
        """
        code, rows = _code_blocks(caller()), raw_text_rows(table)
        length = sum(len(one["text"]) for row in rows for one in row)
        if self._tables or len(rows) > MOST_ROWS or length > TABLE_LIMIT:
            self._blocks += code
            return ""
        settings = [{"align": "left" if one.is_name else "right"} for one in table.columns]
        self._tables[len(self._blocks)] = code
        if (data := data_table(table, rows)) is not None:
            self._native[len(self._blocks)] = [data]
        self._blocks.append({"type": "table", "rows": rows, "column_settings": settings})
        return ""

    def picture(self, picture: Picture, caller: Caller) -> str:
        """Charts drawn by Slack; else a picture, else the caller's block: the same as text."""
        code = _code_blocks(caller())
        if len(code) == 1 and picture.native:
            self._native[len(self._blocks)] = [dict(one) for one in picture.native]
        if len(code) == 1 and picture.png:
            self._pictures[len(self._blocks)] = {
                "filename": picture.filename,
                "content": picture.base64,
                "alt_text": cut(picture.alt, ALT_LIMIT),
            }
        self._blocks += code
        return ""

    def context(self, caller: Caller) -> str:
        """Small print."""
        text = cut(_tidy(caller()), CONTEXT_LIMIT)
        if text:
            self._blocks.append({"type": "context", "elements": [_mrkdwn(text)]})
        return ""

    def divider(self) -> str:
        """A divider."""
        self._blocks.append({"type": "divider"})
        return ""

    def payload(self) -> dict[str, Any]:
        """The arguments of chat.postMessage besides the channel: `text` and `blocks`.

        `extras` has what goes beyond it: see reports.messages.attachments.
        """
        whole = 0
        length = 0
        for block in self._blocks:
            length += _length(block)
            if length > TOTAL_LIMIT or whole == MOST_BLOCKS - 1:
                break
            whole += 1
        kept = self._blocks[:whole]
        if whole < len(self._blocks):
            notice = _mrkdwn("Truncated; see the email.")
            kept = [*kept, {"type": "context", "elements": [notice]}]
        pictures = [{"at": at, **one} for at, one in self._pictures.items() if at < whole]
        tables = [{"at": at, "blocks": one} for at, one in self._tables.items() if at < whole]
        native = [{"at": at, "blocks": one} for at, one in self._native.items() if at < whole]
        if sum(len(one) for one in self._native.values()) + len(kept) > MOST_BLOCKS:
            native = []
        given = (("pictures", pictures), ("tables", tables), ("native", native))
        extras = {name: value for name, value in given if value}
        payload = {"text": self._fallback, "blocks": kept}
        return {**payload, "extras": extras} if extras else payload

    def _add_text(self, kind: str, text: str) -> None:
        if text:
            self._blocks.append({"type": kind, "text": _mrkdwn(text)})


def data_table(table: Table, rows: list[list[dict[str, str]]]) -> Block | None:
    """The table as a sortable block; None without rows."""
    if len(rows) < 2:
        return None
    title, *body = rows
    return {
        "type": "data_table",
        "caption": table.caption or "Figures",
        "page_size": max(1, min(len(body), MOST_ROWS)),
        "rows": [title, *([_number(one) for one in row] for row in body)],
    }


def _number(cell: dict[str, str]) -> dict[str, Any]:
    """A sortable cell if its text is a number."""
    plain = cell["text"].replace(MINUS, "-").replace("$", "").replace(",", "").removesuffix("%")
    try:
        value = float(plain)
    except ValueError:
        return dict(cell)
    return {"type": "raw_number", "value": value, "text": cell["text"]} if isfinite(value) else cell


def _code_blocks(text: str) -> list[Block]:
    """Whole lines between fences, in as many sections as they need."""
    room = SECTION_LIMIT - 2 * len(FENCE) - 10
    parts: list[list[str]] = [[]]
    for line in text.strip("\n").split("\n"):
        if sum(len(one) + 1 for one in [*parts[-1], line]) > room:
            parts.append([])
        parts[-1].append(cut(line.rstrip(), room))
    return [
        {"type": "section", "text": _mrkdwn("\n".join([FENCE, *part, FENCE]))}
        for part in parts
        if part
    ]


def cut(text: str, limit: int) -> str:
    """Escaped text cut to a limit, never inside an entity such as `&amp;`."""
    if len(text) <= limit:
        return text
    return re.sub(r"&[a-z]*$", "", text[: limit - 1]).rstrip() + ELLIPSIS


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: Slack must not turn text into links or mentions.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _tidy(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _length(block: Block) -> int:
    cells = [cell for row in block.get("rows", []) for cell in row]
    texts = [block.get("text"), *block.get("fields", []), *block.get("elements", []), *cells]
    return sum(len(text["text"]) for text in texts if text)
