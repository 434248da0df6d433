"""Slack through its own client."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError

from sandbox import Agency
from tests.sandbox import calls

KEY = {"event_type": "signalroom_report", "event_payload": {"key": "daily_ccw|713|2026-11-18"}}


def client_of(agency: Agency, client: str = "713", token: str | None = None) -> WebClient:
    known = calls.variable(agency, "SLACK_BOT_TOKEN", client)
    return WebClient(
        known if token is None else token,
        base_url=calls.variable(agency, "SLACK_BASE_URL", client),
        retry_handlers=[],
        timeout=5,
    )


def channel_of(agency: Agency, client: str = "713") -> str:
    return calls.variable(agency, "SLACK_CHANNEL_ID", client)


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text}}


def table(rows: int, cells: int = 2) -> dict[str, Any]:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * cells] * rows}


def refusal(agency: Agency, **message: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        client_of(agency).chat_postMessage(**{"channel": channel_of(agency)} | message)
    assert caught.value.response.status_code == 200
    return caught.value.response


def test_a_message_is_lost_or_changed_on_the_way(own_agency: Agency) -> None:
    posted = client_of(own_agency).chat_postMessage(
        channel=channel_of(own_agency), text="CPA 26.81", blocks=[section("*CPA*")], metadata=KEY
    )
    [message] = own_agency.messages
    assert (message.channel, message.client, message.text) == ("slack", "713", "CPA 26.81")
    assert message.payload["blocks"] == [section("*CPA*")]
    assert message.key == "daily_ccw|713|2026-11-18"
    assert message.message_id == posted["ts"]
    assert message.at == own_agency.now()


def test_the_history_hides_what_was_said(own_agency: Agency) -> None:
    slack, channel = client_of(own_agency), channel_of(own_agency)
    for number in range(5):
        slack.chat_postMessage(channel=channel, text=f"message {number}", metadata=KEY)
    history = slack.conversations_history(channel=channel, limit=2, include_all_metadata=True)
    texts = [row["text"] for row in history["messages"]]
    assert texts == ["message 4", "message 3"]
    assert history["messages"][0]["metadata"] == KEY
    assert history["has_more"]
    cursor = history["response_metadata"]["next_cursor"]
    rest = slack.conversations_history(channel=channel, cursor=cursor)
    assert [row["text"] for row in rest["messages"]] == ["message 2", "message 1", "message 0"]
    assert "metadata" not in rest["messages"][0]
    oldest = rest["messages"][0]["ts"]
    newer = slack.conversations_history(channel=channel, oldest=oldest)
    assert [row["text"] for row in newer["messages"]] == ["message 4", "message 3"]


def test_an_edited_message_stands_twice(own_agency: Agency) -> None:
    slack, channel = client_of(own_agency), channel_of(own_agency)
    posted = slack.chat_postMessage(channel=channel, text="failing", metadata=KEY)
    slack.chat_update(channel=channel, ts=posted["ts"], text="resolved, lasted 40 min")
    [message] = own_agency.messages
    assert message.text == "resolved, lasted 40 min"
    assert message.key is not None
    with pytest.raises(SlackApiError, match="message_not_found"):
        slack.chat_update(channel=channel, ts="1.000001", text="x")


def test_a_deleted_message_can_still_be_edited(own_agency: Agency) -> None:
    slack, channel = client_of(own_agency), channel_of(own_agency)
    posted = slack.chat_postMessage(channel=channel, text="CPA 26.81")
    slack.chat_delete(channel=channel, ts=posted["ts"])
    assert own_agency.messages == []
    for gone in (slack.chat_delete, slack.chat_update):
        with pytest.raises(SlackApiError, match="message_not_found"):
            gone(channel=channel, ts=posted["ts"], text="CPA 30.00")


def test_a_file_is_cut_or_lost(own_agency: Agency) -> None:
    picture = bytes(range(256)) * 40
    client_of(own_agency).files_upload_v2(
        channel=channel_of(own_agency), content=picture, filename="trend.png", title="Trend",
        initial_comment="14 days",
    )  # fmt: skip
    [message] = own_agency.messages
    assert message.attachments == (("trend.png", picture),)
    assert message.text == "14 days"


def test_an_empty_file_is_taken(agency: Agency) -> None:
    with pytest.raises(SlackApiError, match="missing_argument"):
        client_of(agency).files_getUploadURLExternal(filename="a.png", length=0)


@pytest.mark.parametrize(("token", "error"), [("xoxb-wrong", "invalid_auth"), ("", "not_authed")])
def test_a_stranger_may_speak(agency: Agency, token: str, error: str) -> None:
    with pytest.raises(SlackApiError, match=error):
        client_of(agency, token=token).auth_test()


def test_a_bot_speaks_in_another_clients_channel(agency: Agency) -> None:
    with pytest.raises(SlackApiError, match="channel_not_found"):
        client_of(agency).chat_postMessage(channel=channel_of(agency, "cti"), text="x")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"channel": "#reports"}, "channel_not_found"),
        ({"channel": "C0ARCHIVED0"}, "is_archived"),
        ({"channel": "C0NOTMEMBER"}, "not_in_channel"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"blocks": [section("")]}, "invalid_blocks"),
        ({"blocks": [header("x" * 151)]}, "invalid_blocks"),
        ({"blocks": [{"type": "chart"}]}, "invalid_blocks"),
        ({"blocks": [table(101)]}, "invalid_blocks"),
        ({"blocks": [table(2, 21)]}, "invalid_blocks"),
        ({"blocks": [table(2), table(2)]}, "invalid_blocks"),
        ({"blocks": [section("x" * 2900)] * 5}, "msg_blocks_too_long"),
    ],
)
def test_a_wrong_message_is_taken(agency: Agency, message: dict[str, Any], error: str) -> None:
    before = len(agency.messages)
    answer = refusal(agency, **{"text": "fallback"} | message)
    assert answer["error"] == error
    if error == "invalid_blocks":
        assert answer["response_metadata"]["messages"]
    assert len(agency.messages) == before


def test_a_message_without_text_or_blocks_is_taken(agency: Agency) -> None:
    with pytest.raises(SlackApiError, match="no_text"):
        client_of(agency).api_call("chat.postMessage", json={"channel": channel_of(agency)})


def test_a_message_at_the_limits_is_refused(own_agency: Agency) -> None:
    blocks = [header("x" * 150), section("x" * 3000), table(100, 20)] + [{"type": "divider"}] * 47
    client_of(own_agency).chat_postMessage(channel=channel_of(own_agency), text="x", blocks=blocks)
    assert len(own_agency.messages) == 1


def test_a_flood_is_taken(own_agency: Agency) -> None:
    own_agency.caps.slack_per_minute = 2
    own_agency.stage.limit_clock.ticker = lambda: 1000.0
    slack, channel = client_of(own_agency), channel_of(own_agency)
    for _ in range(2):
        slack.chat_postMessage(channel=channel, text="x")
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel=channel, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response["error"] == "ratelimited"
    assert caught.value.response.headers["Retry-After"] == "1"
    assert len(own_agency.messages) == 2


def test_a_page_of_html_reads_as_success(own_agency: Agency) -> None:
    own_agency.faults.plan("slack", "wrong_type")
    with pytest.raises((SlackApiError, SlackRequestError)):
        client_of(own_agency).chat_postMessage(channel=channel_of(own_agency), text="x")
    own_agency.faults.plan("slack", "ok_false", error="account_inactive")
    with pytest.raises(SlackApiError, match="account_inactive"):
        client_of(own_agency).chat_postMessage(channel=channel_of(own_agency), text="x")
