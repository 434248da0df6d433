"""Unexpected answers from Slack, or from a proxy in front of it: each has one defined result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from reports.delivery.channels import slack
from reports.delivery.channels.http import Ambiguous, Later, Outcome, Refused
from reports.delivery.outbox import Entry
from tests.support.vendor import Answer, Vendor, scripted_vendor

PAGE = "<!doctype html><title>Sign in to the proxy</title>"
ANSWERS: list[Any] = [
    ("html", Answer(PAGE), Ambiguous),
    ("nothing", Answer(""), Ambiguous),
    ("a list", Answer(["ok"]), Ambiguous),
    ("ok as text", Answer({"ok": "true"}), Ambiguous),
    ("no reason", Answer({"ok": False}), Ambiguous),
    ("reason is null", Answer({"ok": False, "error": None}), Ambiguous),
    ("500 html", Answer(PAGE, 500), Ambiguous),
    ("503 with a reason", Answer({"ok": False, "error": "service_unavailable"}, 503), Ambiguous),
    ("408", Answer(PAGE, 408), Ambiguous),
    # a server at another address has posted nothing
    ("404 html", Answer(PAGE, 404), Refused),
    ("403 html", Answer(PAGE, 403), Refused),
    ("401 json of another", Answer({"message": "Unauthorized"}, 401), Refused),
    ("429 html", Answer(PAGE, 429), Later),
    ("429 no wait", Answer({"ok": False, "error": "ratelimited"}, 429), Later),
    ("ratelimited with 200", Answer({"ok": False, "error": "ratelimited"}), Later),
    ("rate_limited", Answer({"ok": False, "error": "rate_limited"}), Later),
    ("moving", Answer({"ok": False, "error": "team_added_to_org"}), Later),
    ("its own trouble", Answer({"ok": False, "error": "fatal_error"}), slack.Unsure),
    *(
        (code, Answer({"ok": False, "error": code}), slack.Declined)
        for code in (
            *("channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "no_text"),
            *("account_inactive", "token_revoked", "token_expired", "restricted_action"),
            *("missing_scope", "msg_too_long", "too_many_attachments", "ekm_access_denied"),
        )
    ),
    (
        "odd details",
        Answer({"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": None}}),
        slack.Declined,
    ),
    (
        "details as a list",
        Answer({"ok": False, "error": "invalid_blocks", "response_metadata": ["x"]}),
        slack.Declined,
    ),
]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    with scripted_vendor(lambda _: Answer({"ok": True})) as slack_like:
        monkeypatch.setenv("SLACK_BASE_URL", slack_like.url)
        monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-canary")
        yield slack_like


def entry(payload: str = '{"text": "x"}') -> Entry:
    values = {one.name: None for one in fields(Entry)}
    given = {"client_id": "713", "dedupe_key": "key", "recipient": "C0REPORTS", "payload": payload}
    return Entry(**{**values, **given})  # type: ignore[arg-type]


def test_each_answer_has_its_ending(vendor: Vendor) -> None:
    for name, answer, ending in ANSWERS:
        vendor.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        with pytest.raises(Outcome) as caught:
            slack.call("713", "chat.postMessage", {})
        assert isinstance(caught.value, ending), name
        assert isinstance(caught.value, Refused) == issubclass(ending, Refused), name
        assert "\n" not in str(caught.value), name
        if isinstance(caught.value, Later):
            assert caught.value.wait_s > 0, name


@pytest.mark.parametrize("payload", ['{"text": "x"}', '{"text": "x", "ts": "1.2"}'])
def test_a_message_without_its_timestamp_may_have_arrived(vendor: Vendor, payload: str) -> None:
    with pytest.raises(Ambiguous, match="no timestamp"):
        slack.send(entry(payload), lambda: None)


def test_a_history_of_odd_entries_is_read_and_one_without_messages_says_nothing(
    vendor: Vendor,
) -> None:
    ours = {"ts": "7.1", "metadata": {"event_payload": {"key": "key"}}}
    odd = [
        *(None, "x", {}, {"ts": "1"}, {"ts": "2", "metadata": None}, {"ts": "3", "metadata": []}),
        {"ts": "4", "metadata": {"event_payload": "key"}},
        {"metadata": {"event_payload": {"key": "key"}}},
    ]
    vendor.answer = lambda _: Answer({"ok": True, "messages": [*odd, ours]})
    assert slack.find(entry(), frozenset()) == "7.1"
    vendor.answer = lambda _: Answer({"ok": True, "messages": odd, "response_metadata": None})
    assert slack.find(entry(), frozenset()) is None
    vendor.answer = lambda _: Answer({"ok": True, "messages": None})
    with pytest.raises(Ambiguous, match="without the channel's messages"):
        slack.find(entry(), frozenset())
