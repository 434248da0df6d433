"""Slack payloads: Block Kit blocks that keep within Slack's limits whatever the data is.

A Slack template calls the methods of `Blocks`; what it writes inside a call is the block's text,
already escaped by the template's environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from reports.wording import ELLIPSIS

Block = dict[str, Any]
Caller = Callable[[], str]

MOST_BLOCKS = 50
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
MOST_FIELDS = 10
CONTEXT_LIMIT = 2000
FALLBACK_LIMIT = 4000
# Slack documents no limit over all blocks, but refuses messages from about 13,200 characters on.
TOTAL_LIMIT = 12_000
FENCE = "```"


class Blocks:
    """Collects the blocks and the fallback text of one message."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._fallback = ""

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
        """Lines in a fixed-width font; only whole lines are left away when there are too many."""
        lines = caller().strip("\n").split("\n")
        kept: list[str] = []
        for line in lines:
            if sum(len(one) + 1 for one in [*kept, line]) > SECTION_LIMIT - 2 * len(FENCE) - 10:
                break
            kept.append(line.rstrip())
        self._add_text("section", "\n".join([FENCE, *kept, FENCE]))
        return ""

    def context(self, caller: Caller) -> str:
        """Small print."""
        text = cut(_tidy(caller()), CONTEXT_LIMIT)
        if text:
            self._blocks.append({"type": "context", "elements": [_mrkdwn(text)]})
        return ""

    def divider(self) -> str:
        """A line across."""
        self._blocks.append({"type": "divider"})
        return ""

    def payload(self) -> dict[str, Any]:
        """What chat.postMessage takes besides the channel: `text` and `blocks`."""
        kept: list[Block] = []
        length = 0
        for block in self._blocks:
            length += _length(block)
            if length > TOTAL_LIMIT or len(kept) == MOST_BLOCKS - 1:
                kept.append(
                    {"type": "context", "elements": [_mrkdwn("Shortened: the e-mail has it all.")]}
                )
                break
            kept.append(block)
        return {"text": self._fallback, "blocks": kept}

    def _add_text(self, kind: str, text: str) -> None:
        if text:
            self._blocks.append({"type": kind, "text": _mrkdwn(text)})


def cut(text: str, limit: int) -> str:
    """Escaped text cut to a limit, never inside an entity such as `&amp;`."""
    if len(text) <= limit:
        return text
    return re.sub(r"&[a-z]*$", "", text[: limit - 1]).rstrip() + ELLIPSIS


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: Slack must not make links or mentions of what looks like one.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _tidy(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _length(block: Block) -> int:
    texts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
    return sum(len(text["text"]) for text in texts if text)
