"""Slack refuses messages above its limits: no data may lead to such a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from reports.messages.slack_blocks import FENCE, Blocks
from reports.messages.table import Column, Table
from tests.reports.conftest import Compose
from tests.reports.world import Affiliate


def assert_within_limits(payload: dict[str, Any]) -> None:
    assert 0 < len(payload["text"]) <= 4000
    assert 0 < len(payload["blocks"]) <= 50
    total = 0
    for block in payload["blocks"]:
        texts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        limit = {"header": 150, "section": 3000, "context": 2000}.get(block["type"], 0)
        assert len(block.get("fields", [])) <= 10
        assert len(block.get("elements", [])) <= 10
        for text in filter(None, texts):
            assert 0 < len(text["text"]) <= (2000 if "fields" in block else limit)
            total += len(text["text"])
    assert total <= 13_000


@pytest.mark.parametrize("count", [0, 1, 11, 400])
@pytest.mark.parametrize("name", ["&" * 5000, "`" * 200, "\u4e2d" * 80])
def test_report_keeps_within_limits_for_any_data(report: Compose, count: int, name: str) -> None:
    affiliates = [
        Affiliate(f"{number} {name}", number, "9999999999.99", "internal", state="missing_spend")
        for number in range(count)
    ]
    unmapped = [
        Affiliate(f"Unmapped: {number} {name}", 0, "1.00", "unmapped", None, "unmapped_spend")
        for number in range(count)
    ]
    assert_within_limits(report(*affiliates, *unmapped, Affiliate("Any", 1, "1")).messages["slack"])


def fill(write: Callable[[Blocks], object]) -> dict[str, Any]:
    blocks = Blocks()
    blocks.fallback(lambda: "report")
    write(blocks)
    return blocks.payload()


def test_too_many_blocks_are_cut_and_said_so() -> None:
    payload = fill(lambda blocks: [blocks.section(lambda: "one") for _ in range(80)])
    assert_within_limits(payload)
    assert "Truncated" in json.dumps(payload["blocks"][-1])


def test_too_much_text_is_cut_and_said_so() -> None:
    payload = fill(lambda blocks: [blocks.section(lambda: "x" * 2900) for _ in range(10)])
    assert_within_limits(payload)
    assert "Truncated" in json.dumps(payload["blocks"][-1])


def test_long_texts_are_cut_where_they_stand() -> None:
    def write(blocks: Blocks) -> None:
        blocks.header(lambda: "h" * 500)
        blocks.section(lambda: "s" * 5000)
        blocks.fields(lambda: "\n\n".join(["f" * 2500] * 3))
        blocks.context(lambda: "c" * 5000)

    blocks = Blocks()
    blocks.fallback(lambda: "t" * 9000)
    write(blocks)
    payload = blocks.payload()
    assert [block["type"] for block in payload["blocks"]][:2] == ["header", "section"]
    assert_within_limits(payload)


def test_code_block_keeps_whole_lines_inside_its_fences() -> None:
    payload = fill(lambda blocks: blocks.code(lambda: "\n".join(["&amp;" * 20] * 60)))
    lines = payload["blocks"][0]["text"]["text"].split("\n")
    assert (lines[0], lines[-1]) == (FENCE, FENCE)
    assert set(lines[1:-1]) == {"&amp;" * 20}
    assert_within_limits(payload)


def test_empty_texts_make_no_blocks() -> None:
    def write(blocks: Blocks) -> None:
        blocks.section(lambda: "  ")
        blocks.context(lambda: "")
        blocks.fields(lambda: "\n\n")

    assert fill(write)["blocks"] == []


def table(rows: int) -> Table:
    columns = (Column("", 10, is_name=True), Column("Number", 8))
    return Table(columns, tuple((f"Name {number}", str(number)) for number in range(rows)))


def test_table_that_slack_would_refuse_is_text_from_the_start() -> None:
    few, many = table(99), table(100)

    def write(blocks: Blocks) -> None:
        for one in (many, few, few):
            blocks.table(one, lambda: one.lines)  # noqa: B023 - called at once

    payload = fill(write)
    assert [block["type"] for block in payload["blocks"]] == ["section", "table", "section"]
    assert payload["blocks"][1]["rows"][99][0] == {"type": "raw_text", "text": "Name 98"}
    (instead,) = payload["extras"]["tables"]
    assert instead["at"] == 1
    assert "Name 98" in instead["blocks"][0]["text"]["text"]
    assert_within_limits(payload)
