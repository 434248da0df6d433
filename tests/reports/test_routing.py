"""Routing: nobody gets what is meant for another client, and no message mixes two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports import deliver
from tests.reports.post import Post


def test_recipients_of_one_client_never_get_anothers_report(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK_CHANNEL_ID", "RESEND_TO_EMAILS", "TWILIO_TO_NUMBERS"):
        monkeypatch.delenv(f"{name}__CTI")
    other = replace(post.rendered, client_id="cti")
    assert {one.status for one in deliver(other)} == {"off"}
    assert not post.received()


def test_channel_that_is_not_set_up_is_off_and_no_failure(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    off = next(one for one in deliver(post.rendered) if one.channel == "slack")
    assert (off.status, off.is_failure) == ("off", False)
    assert off.summary() == "Slack: off (SLACK_BOT_TOKEN is not set)"
