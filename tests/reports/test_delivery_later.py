"""What could not be delivered at once: sent when it is due, given up when it is of no use."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reports import deliver, deliver_pending
from reports.outbox import Outbox
from signalroom import clock
from tests.reports.post import Post, rows, statuses


def test_open_messages_are_sent_later_but_not_when_too_old(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    post.agency.faults.plan("twilio", "status_429", times=2, retry_after=30)
    deliver(post.only("sms"))
    first, second = rows()
    with Outbox() as box:
        box._update(first.dedupe_key, next_at=None)
        box._update(second.dedupe_key, created_at=clock.instant() - timedelta(hours=13))
    found = statuses(deliver_pending())
    assert found == {("sms", first.recipient): "sent", ("sms", second.recipient): "skipped"}
    assert deliver_pending() == []


def test_wait_beyond_the_limit_is_left_for_later_and_holds_nobody(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "2")
    post.agency.faults.plan("slack", "status_429", times=1, match="postMessage", retry_after=3600)
    found = statuses(deliver(post.rendered))
    assert found.pop(("slack", "C0REPORTS713")) == "pending"
    assert set(found.values()) == {"sent"}
    entry = next(one for one in rows() if one.channel == "slack")
    assert entry.next_at is not None
    assert entry.next_at > clock.instant() + timedelta(minutes=50)
    deliver(post.rendered)  # asked to wait an hour: not asked again now
    assert ("slack", "C0REPORTS713") not in post.received()
