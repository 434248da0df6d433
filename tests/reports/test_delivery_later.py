"""Messages that could not be sent immediately: sent when due, dropped when no longer useful."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reports import deliver
from reports.alerts.incidents import work_waits
from reports.delivery.deliver import Delivery, delivery_of, send_open
from reports.delivery.outbox import Outbox
from signalroom import clock
from tests.reports.post import Post, rows, statuses


def sent_later() -> list[Delivery]:
    with Outbox() as box:
        return [delivery_of(entry) for entry in send_open(box)]


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
    found = statuses(sent_later())
    assert found == {("sms", first.recipient): "sent", ("sms", second.recipient): "skipped"}
    assert sent_later() == []


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
    deliver(post.rendered)  # told to wait an hour: no new attempt now
    assert ("slack", "C0REPORTS713") not in post.received()


def made_ago(hours: float, report: str = "daily_ccw") -> None:
    """Make the messages of this report look this old."""
    with Outbox() as box:
        for entry in box.open_entries():
            made = clock.instant() - timedelta(hours=hours)
            box._update(entry.dedupe_key, report=report, created_at=made, next_at=None)


@pytest.mark.parametrize(
    ("report", "hours", "status"),
    [
        ("daily_ccw", 11, "sent"),
        ("daily_ccw", 13, "skipped"),
        ("weekly_rollup", 59, "sent"),
        ("weekly_rollup", 61, "skipped"),
        ("alert", 23, "sent"),
        ("alert", 25, "skipped"),
        ("a_report_of_the_past", 11, "sent"),
        ("a_report_of_the_past", 13, "skipped"),
    ],
)
def test_message_is_worth_sending_as_long_as_its_report_is(
    post: Post, monkeypatch: pytest.MonkeyPatch, report: str, hours: float, status: str
) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    post.agency.faults.plan("slack", "status_429", times=1, match="postMessage", retry_after=30)
    deliver(post.only("slack"))
    made_ago(hours, report)
    (found,) = sent_later()
    assert (found.status, found.report, found.client_id) == (status, report, "713")
    if status == "skipped":
        made = clock.local_date(clock.instant() - timedelta(hours=hours))
        assert f"skipped (too old to be useful: made {made:%b %-d}," in found.summary()
    assert sum(post.received().values()) == (status == "sent")


def test_message_that_may_have_arrived_is_left_alone_once_it_is_too_old(post: Post) -> None:
    post.agency.faults.plan("twilio", "close_connection", times=2, match="POST")
    deliver(post.only("sms"))
    made_ago(13)
    assert work_waits()
    assert sent_later() == []
    assert not work_waits(), "no process is started for it again and again"
    assert {entry.status for entry in rows()} == {"unknown"}


def test_pauses_between_attempts_grow(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALROOM_HTTP_MAX_WAIT_S", "0")
    post.agency.faults.plan("slack", "status_429", times=9, match="postMessage", retry_after=1)
    deliver(post.only("slack"))
    pauses = []
    for _ in range(6):
        with Outbox() as box:
            for entry in box.open_entries():
                box._update(entry.dedupe_key, next_at=None)
        sent_later()
        assert rows()[0].next_at is not None
        pauses.append((rows()[0].next_at - clock.instant()).total_seconds())  # type: ignore[operator]
    assert pauses == sorted(pauses)
    assert pauses[0] < 5
    assert 100 < pauses[-1] < 900
