"""What goes wrong when the sender is killed while a vendor answers: two messages, or none."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from datetime import timedelta

import pytest

from reports import deliver
from reports.delivery.outbox import Outbox
from signalroom import clock
from tests.reports.post import EVERYONE, VENDOR, Post, rows, statuses

PATH = {"slack": "chat.postMessage", "email": "POST /emails", "sms": "POST"}


def killed_while_answered(post: Post, channel: str) -> None:
    """kill -9 of a sender whose message the vendor has taken and not answered yet."""

    def send() -> None:
        deliver(post.only(channel))
        os._exit(0)

    child = multiprocessing.get_context("fork").Process(target=send)
    child.start()
    give_up_at = time.monotonic() + 30
    while not post.received():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL


@pytest.mark.fault(49, 50, 51, 54)
@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_a_sender_killed_while_the_vendor_answers_leaves_one_message(
    post: Post, channel: str
) -> None:
    path, vendor = PATH[channel], VENDOR[channel]
    post.agency.faults.plan(vendor, "accept_then_hang", times=1, match=path, seconds=20)
    killed_while_answered(post, channel)
    (taken,) = post.received()
    claimed = next(entry for entry in rows() if entry.status == "unknown")
    assert claimed.recipient == taken[1]
    assert statuses(deliver(post.only(channel)))[taken] == "unknown", "its claim still holds"
    assert post.received()[taken] == 1
    with Outbox() as box:
        box._update(claimed.dedupe_key, next_at=clock.instant() - timedelta(seconds=1))
    assert set(statuses(deliver(post.only(channel))).values()) <= {"sent", "already"}
    everyone = {one for one in EVERYONE if one[0] == channel}
    assert set(post.received()) == everyone
    assert set(post.received().values()) == {1}
    assert {entry.status for entry in rows()} == {"sent"}
