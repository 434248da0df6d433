"""Slack's native tables and charts, refused or accepted as Slack does."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from sandbox import Agency
from tests.sandbox.test_slack import channel_of, client_of, section


def cell(text: str, kind: str = "raw_text") -> dict[str, Any]:
    return {"type": kind, "text": text} | ({"value": 1.5} if kind == "raw_number" else {})


DATA_TABLE: dict[str, Any] = {"type": "data_table", "caption": "CPA",
              "rows": [[cell("Affiliate"), cell("CPA")],
                       [cell("SB - Meta"), cell("$1.50", "raw_number")]]}  # fmt: skip
CHART: dict[str, Any] = {
    "type": "data_visualization", "title": "CPA",
    "chart": {"type": "line", "axis_config": {"categories": ["Mon", "Tue"]},
              "series": [{"name": "CCW", "data": [{"label": "Mon", "value": 26.81}]}]},
}  # fmt: skip
NEW_BLOCKS = [
    DATA_TABLE,
    CHART,
    {"type": "alert", "level": "warning", "text": {"type": "plain_text", "text": "late"}},
    {"type": "card", "title": {"type": "mrkdwn", "text": "CCW"}},
]


def test_a_block_of_2026_is_refused(own_agency: Agency) -> None:
    slack = client_of(own_agency)
    slack.chat_postMessage(channel=channel_of(own_agency), text="x", blocks=NEW_BLOCKS)
    assert slack.blocks_validate(blocks=NEW_BLOCKS)["ok"]
    own_agency.quirks.slack_refused_blocks.add("data_visualization")
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        slack.chat_postMessage(channel=channel_of(own_agency), text="x", blocks=NEW_BLOCKS)
    own_agency.quirks.slack_refusal = "internal_error"
    with pytest.raises(SlackApiError, match="internal_error"):
        slack.chat_postMessage(channel=channel_of(own_agency), text="x", blocks=NEW_BLOCKS)


@pytest.mark.parametrize(
    "block",
    [
        DATA_TABLE | {"caption": ""},
        DATA_TABLE | {"rows": [[cell("a")]]},
        DATA_TABLE | {"rows": [[cell("a")], [cell("a"), cell("b")]]},
        DATA_TABLE | {"rows": [[cell("a")], [cell("x" * 10_001)]]},
        DATA_TABLE | {"rows": [[cell("a")], [{"type": "raw_number", "text": "1"}]]},
        CHART | {"title": "x" * 51},
        CHART | {"chart": {"type": "pie", "segments": [{"label": "a", "value": 0}]}},
        CHART | {"chart": CHART["chart"] | {"axis_config": {"categories": ["Wed"]}}},
        {"type": "alert", "level": "loud", "text": {"type": "plain_text", "text": "x"}},
        {"type": "card"},
        {"type": "carousel", "elements": []},
    ],
)
def test_a_wrong_new_block_is_taken(agency: Agency, block: dict[str, Any]) -> None:
    with pytest.raises(SlackApiError, match="invalid_blocks") as caught:
        client_of(agency).blocks_validate(blocks=[section("*CPA*"), block])
    assert caught.value.response["errors"][0]["pointer"] == "/blocks/1"


def test_two_tables_of_two_kinds_are_taken(agency: Agency) -> None:
    plain = {"type": "table", "rows": [[cell("a")]]}
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        client_of(agency).blocks_validate(blocks=[DATA_TABLE, plain])


# Sheets, Mautic, Resend, Twilio
