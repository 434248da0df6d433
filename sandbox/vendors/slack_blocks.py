"""Slack's limits on a message; each finding has Slack's wording."""

import json
from collections.abc import Mapping, Set
from typing import Any

from sandbox.vendors.slack_new_blocks import NEW

MOST_BLOCKS = 50
MOST_CHARACTERS = 13_200  # over all blocks; undocumented
LONGEST_TEXT = 40_000
_KNOWN = {"section", "header", "divider", "context", "image", "actions", "rich_text", "table",
          "markdown", "file", "input", "video"}  # fmt: skip


class SlackError(Exception):
    """A call that Slack answers with 200 and `ok: false`."""

    def __init__(self, code: str, messages: list[str] | None = None, **details: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.details = details  # additional fields of the response


def content_of(arguments: Mapping[str, Any], refused: Set[str] = frozenset()) -> dict[str, Any]:
    """Text, blocks and metadata of a message that is within Slack's limits.

    `refused`: kinds of blocks that this workspace does not accept.
    """
    content = {name: parsed(value) if name in ("blocks", "metadata") else value
               for name, value in arguments.items() if name != "token"}  # fmt: skip
    content["text"] = str(content.get("text") or "")[:LONGEST_TEXT]
    if not content["text"] and not content.get("blocks"):
        raise SlackError("no_text")
    if content.get("blocks"):
        found = error_of(content["blocks"], refused)
        if found is not None:
            raise SlackError(*found)
    metadata = content.get("metadata")
    if metadata is not None and (
        not isinstance(metadata, dict) or {"event_type", "event_payload"} - metadata.keys()
    ):
        raise SlackError("invalid_metadata_format")
    return content


def error_of(blocks: object, refused: Set[str] = frozenset()) -> tuple[str, list[str]] | None:
    """Error code and findings for a message's blocks; None if Slack would accept them."""
    if not isinstance(blocks, list):
        return "invalid_blocks_format", ["must be an array"]
    findings = [] if len(blocks) <= MOST_BLOCKS else ["no more than 50 items allowed"]
    for place, block in enumerate(blocks):
        findings += [f"{text} [json-pointer:/blocks/{place}]" for text in _block(block, refused)]
    tables = ("table", "data_table")
    if sum(isinstance(row, dict) and row.get("type") in tables for row in blocks) > 1:
        findings.append("only one table block is allowed")
    if findings:
        return "invalid_blocks", [f"[ERROR] {text}" for text in findings]
    if sum(_characters(block) for block in blocks) > MOST_CHARACTERS:
        return "msg_blocks_too_long", []
    return None


def _block(block: object, refused: Set[str]) -> list[str]:
    if not isinstance(block, dict) or block.get("type") not in _KNOWN | NEW.keys():
        return ["unsupported type of block"]
    if block["type"] in refused:
        return [f"unsupported type: {block['type']}"]
    found = []
    if len(str(block.get("block_id", ""))) > 255:
        found.append("block_id is too long")
    kind = block["type"]
    if kind == "section":
        found += _section(block)
    elif kind == "header":
        found += _text(block.get("text"), 150, ("plain_text",))
    elif kind == "context":
        elements = block.get("elements")
        if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
            return [*found, "context needs 1 to 10 elements"]
        for element in elements:
            if isinstance(element, dict) and element.get("type") == "image":
                found += _image(element)
            else:
                found += _text(element, 3000)
    elif kind == "image":
        found += _image(block)
    elif kind == "actions":
        elements = block.get("elements")
        if not isinstance(elements, list) or not 1 <= len(elements) <= 25:
            found.append("actions needs 1 to 25 elements")
    elif kind == "table":
        found += _table(block)
    elif kind in NEW:
        found += NEW[kind](block)
    return found


def _section(block: dict[str, Any]) -> list[str]:
    found = []
    if "text" in block:
        found += _text(block["text"], 3000)
    fields = block.get("fields")
    if fields is not None:
        if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
            return [*found, "fields needs 1 to 10 items"]
        for field in fields:
            found += _text(field, 2000)
    if "text" not in block and fields is None:
        found.append("missing required field: text")
    return found


def _text(
    text: object, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> list[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return ["text must be an object of type " + " or ".join(kinds)]
    value = text.get("text")
    if not isinstance(value, str) or not value:
        return ["must be more than 0 characters"]
    return [f"must be less than {longest + 1} characters"] if len(value) > longest else []


def _image(block: dict[str, Any]) -> list[str]:
    found = []
    if not block.get("alt_text") or len(str(block["alt_text"])) > 2000:
        found.append("alt_text is required, up to 2000 characters")
    if "image_url" not in block and "slack_file" not in block:
        found.append("image_url or slack_file is required")
    if len(str(block.get("image_url", ""))) > 3000:
        found.append("image_url is too long")
    return found


def _table(block: dict[str, Any]) -> list[str]:
    rows = block.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= 100:
        return ["table needs 1 to 100 rows"]
    if any(not isinstance(row, list) or not 1 <= len(row) <= 20 for row in rows):
        return ["a row needs 1 to 20 cells"]
    cells = [cell for row in rows for cell in row]
    if any(
        not isinstance(cell, dict) or cell.get("type") not in ("raw_text", "rich_text")
        for cell in cells
    ):
        return ["a cell must be raw_text or rich_text"]
    if any(cell["type"] == "raw_text" and not cell.get("text") for cell in cells):
        return ["raw_text needs text"]
    return []


def _characters(value: object) -> int:
    """Characters of every text in a block."""
    if isinstance(value, str):
        return 0
    if isinstance(value, list):
        return sum(_characters(item) for item in value)
    if isinstance(value, dict):
        text = value.get("text")
        own = len(text) if isinstance(text, str) else 0
        return own + sum(_characters(item) for item in value.values())
    return 0


def parsed(value: object) -> object:
    """A structured argument: JSON text when the call came as a form."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
