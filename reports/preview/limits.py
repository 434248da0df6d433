"""Limits of the channels, and how much of each a message uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports.messages import slack_blocks as slack
from reports.messages.render import EMAIL_LIMIT, SUBJECT_LIMIT
from reports.messages.table import PHONE
from reports.shared.text import GSM_BASIC, GSM_EXTENDED, columns, septets

Content = Mapping[str, Any]
# in a multi-part message seven characters per segment are for the part number
GSM_ONE, GSM_EACH = 160, 153
UCS_ONE, UCS_EACH = 70, 67
SEGMENTS = 1
ATTACHED = 1_000_000  # our own limit: mail clients allow far more


@dataclass(frozen=True)
class Measure:
    """One size of a message; without a limit it is only shown."""

    name: str
    size: int
    limit: int | None = None
    unit: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the channel would truncate or reject it."""
        return self.limit is not None and self.size > self.limit

    @property
    def words(self) -> str:
        """The size and its limit."""
        of = "" if self.limit is None else f" of {self.limit:,}"
        return f"{self.size:,}{of}{' ' if self.unit else ''}{self.unit}"


def measures(channel: str, content: Content) -> list[Measure]:
    """All sizes of a message of that channel."""
    return {"slack": _slack, "email": _email, "sms": _sms}[channel](content)


def encoding(body: str) -> str:
    """The encoding of an SMS: GSM-7, or UCS-2 if any character is not in that alphabet."""
    return "GSM-7" if all(one in GSM_BASIC or one in GSM_EXTENDED for one in body) else "UCS-2"


def segments(body: str) -> int:
    """How many messages an SMS is billed as."""
    if encoding(body) == "GSM-7":
        length, one, each = septets(body), GSM_ONE, GSM_EACH
    else:
        length, one, each = len(body.encode("utf-16-be")) // 2, UCS_ONE, UCS_EACH
    return 1 if length <= one else -(-length // each)


def _sms(content: Content) -> list[Measure]:
    body = content["body"]
    is_gsm = encoding(body) == "GSM-7"
    length = septets(body) if is_gsm else len(body.encode("utf-16-be")) // 2
    return [
        Measure("segments", segments(body), SEGMENTS),
        Measure("length", length, GSM_ONE if is_gsm else UCS_ONE, "characters"),
        Measure("letters outside GSM-7", sum(encoding(one) != "GSM-7" for one in body), 0),
    ]


def _email(content: Content) -> list[Measure]:
    attached = [len(one["content"]) for one in content.get("attachments", [])]
    found = [
        Measure("HTML", len(content["html"].encode()), EMAIL_LIMIT, "bytes"),
        Measure("subject", len(content["subject"]), SUBJECT_LIMIT, "characters"),
        Measure("plain text", len(content["text"].encode()), None, "bytes"),
    ]
    if attached:
        found.append(Measure("attachments", sum(attached), ATTACHED, "bytes"))
    return found


def _slack(content: Content) -> list[Measure]:
    blocks = content["blocks"]
    kinds = {
        "longest header": (slack.HEADER_LIMIT, _texts(blocks, "header")),
        "longest text": (slack.SECTION_LIMIT, _texts(blocks, "section")),
        "longest context": (slack.CONTEXT_LIMIT, _texts(blocks, "context")),
    }
    found = [
        Measure("blocks", len(blocks), slack.MOST_BLOCKS),
        *(
            Measure(name, max(map(len, texts)), limit, "characters")
            for name, (limit, taken) in kinds.items()
            if (texts := list(taken))
        ),
        Measure("fallback", len(content["text"]), slack.FALLBACK_LIMIT, "characters"),
        Measure(
            "everything",
            sum(len(text) for text in _texts(blocks)),
            slack.TOTAL_LIMIT,
            "characters",
        ),
    ]
    widths = [
        columns(line)
        for block in blocks
        for text in _texts([block], "section")
        if text.startswith(slack.FENCE)
        for line in text.split("\n")
    ]
    if widths:
        found.append(Measure("widest line", max(widths), PHONE, "letters"))
    rows = [len(block["rows"]) for block in blocks if block["type"] == "table"]
    if rows:
        found.append(Measure("tables", len(rows), 1))
        found.append(Measure("rows of the table", max(rows), slack.MOST_ROWS))
    return found


def _texts(blocks: Iterable[Mapping[str, Any]], kind: str = "") -> Iterator[str]:
    """Every text in the blocks, at any depth."""
    for block in blocks:
        if not kind or block["type"] == kind:
            yield from _within(block)


def _within(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in ("text", "alt_text") and isinstance(value, str):
                yield value
            else:
                yield from _within(value)
    elif isinstance(part, list):
        for one in part:
            yield from _within(one)
