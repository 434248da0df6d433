"""Slack's real behavior: refused lookups, lookups only as forms, pictures that take a while."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from reports.delivery.attempts import work_off
from reports.delivery.channels import http, slack
from reports.delivery.deliver import deliver
from reports.delivery.outbox import Outbox
from sandbox import Agency
from signalroom import clock
from tests.reports.post import Post, died_while_sending, rows, statuses
from tests.reports.test_attachments import kinds, slack_messages


def now_due() -> None:
    """Let the message be retried immediately."""
    with Outbox() as box:
        for entry in rows():
            box._update(entry.dedupe_key, next_at=clock.instant() - timedelta(seconds=1))


def test_message_that_may_have_arrived_and_cannot_be_looked_up_is_not_posted_again(
    post: Post,
) -> None:
    post.agency.quirks.slack_scopes -= {"channels:history", "groups:history"}
    post.agency.faults.plan("slack", "accept_then_close", match="chat.postMessage")
    only = post.only("slack")
    for _ in range(2):
        (found,) = deliver(only)
        assert found.status == "unknown"
        now_due()
    assert "channels:history" in rows()[0].reason  # type: ignore[operator]
    assert len(slack_messages(post.agency)[0]) == 1


def test_look_up_is_no_json_body(post: Post) -> None:
    post.agency.quirks.slack_form_only_reads = True
    post.agency.faults.plan("slack", "accept_then_close", match="chat.postMessage")
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    assert len(slack_messages(post.agency)[0]) == 1


@pytest.mark.parametrize("may_look", [True, False])
def test_picture_is_shown_once_slack_has_processed_it(post: Post, may_look: bool) -> None:
    post.agency.quirks.slack_refused_blocks = {"data_table", "data_visualization"}
    post.agency.quirks.slack_file_delay_s = 1.2
    if not may_look:
        post.agency.quirks.slack_scopes.discard("files:read")
    assert set(statuses(deliver(post.only("slack"))).values()) == {"sent"}
    (posted,), _ = slack_messages(post.agency)
    assert kinds(posted)["image"] == 1


def test_picture_that_never_gets_ready_is_text_and_takes_no_table_with_it(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack, "LOOKS", 1)
    monkeypatch.setattr("reports.delivery.channels.slack.PICTURE_PAUSES_S", (0.1,))
    post.agency.quirks.slack_file_delay_s = 3600
    only = post.only("slack")
    only.messages["slack"]["extras"].pop("native")
    assert set(statuses(deliver(only)).values()) == {"sent"}
    (posted,), _ = slack_messages(post.agency)
    assert (kinds(posted)["image"], kinds(posted)["table"]) == (0, 1)


def test_missing_scope_is_named(post: Post) -> None:
    post.agency.quirks.slack_scopes.discard("chat:write")
    (found,) = deliver(post.only("slack"))
    assert found.status == "dead"
    assert "missing_scope (the token needs the scope chat:write)" in found.detail


@pytest.mark.fault(24)
@pytest.mark.parametrize(("channel", "path"), [
    ("slack", "chat.postMessage"), ("resend", "POST /emails"), ("twilio", "POST")
])  # fmt: skip
def test_redirect_is_neither_followed_nor_counted_as_delivered(
    post: Post, start_agency: Callable[..., Agency], channel: str, path: str
) -> None:
    name = {"slack": "slack", "resend": "email", "twilio": "sms"}[channel]
    post.agency.faults.plan(channel, "redirect_foreign", times=9, match=path)  # type: ignore[arg-type]
    found = deliver(post.only(name))
    assert {one.status for one in found} == {"dead"}
    assert all("redirects to collector.invalid" in one.detail for one in found)


def test_lost_outbox_finds_in_slack_what_it_sent_before(post: Post) -> None:
    deliver(post.rendered)
    with Outbox() as box:
        for entry in rows():
            box._update(entry.dedupe_key, provider_id=None, status="pending", attempts=0)
    found = statuses(deliver(post.rendered))
    assert found["slack", rows_of("slack")] == "sent"
    assert {status for (channel, _), status in found.items() if channel == "sms"} == {"unknown"}
    assert set(post.received().values()) == {1}


def rows_of(channel: str) -> str:
    return next(entry.recipient for entry in rows() if entry.channel == channel)


def test_sender_that_outlived_its_claim_neither_posts_nor_writes_down_anything(post: Post) -> None:
    deliver(post.only("slack"))
    died_while_sending()
    with Outbox() as box:
        entry = next(one for one in rows() if one.channel == "slack")
        claim = box.claim(entry)
        assert claim is not None
        box._update(entry.dedupe_key, next_at=clock.instant() - timedelta(seconds=1))
        assert not box.renew(entry.dedupe_key, claim), "its time was over"
        (after,) = work_off(box, [box.entry(entry.dedupe_key)])
        assert after.status == "sent"
        box.settle(entry.dedupe_key, "dead", reason="too late", claim=claim)
        assert box.entry(entry.dedupe_key).status == "sent"
    assert len(slack_messages(post.agency)[0]) == 1


def test_attempt_whose_time_is_over_sends_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ATTEMPT_S", 0.0)
    assert set(statuses(deliver(post.only("slack"))).values()) == {"pending"}
    assert post.agency.messages == []
    assert json.loads(rows()[0].payload)["channel"]
