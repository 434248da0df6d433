"""After a restore, messages sent since the backup must not silently be sent again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports import deliver
from reports.delivery.channels import sms
from reports.delivery.deliver import send_open
from reports.delivery.outbox import Outbox
from scheduler.status.verdict import outbox_doubt
from signalroom import outbox_memory, paths
from signalroom.backup import backup, restore
from tests.reports.post import EVERYONE, Post, rows, statuses


def forget_the_morning(*, with_memory: bool) -> None:
    """Restore the run database of a backup made before anything was sent, or the whole home."""
    home = paths.home()
    for path in home.glob("state.sqlite*"):
        path.unlink()
    if with_memory:
        (home / outbox_memory.FILE).unlink()


@pytest.fixture(params=[False, True], ids=["database", "whole folder"])
def restored(post: Post, request: pytest.FixtureRequest) -> Post:
    deliver(post.rendered)
    assert outbox_doubt() is None
    forget_the_morning(with_memory=request.param)
    return post


@pytest.mark.fault(10)
def test_nobody_is_told_twice_after_a_restore_though_the_figures_have_changed(
    restored: Post,
) -> None:
    body = restored.rendered.messages["sms"]["body"]
    again = replace(
        restored.rendered,
        messages={
            **restored.rendered.messages,
            "sms": {"body": str(body).replace("47 conv", "48 conv")},
            "email": {**restored.rendered.messages["email"], "text": "other figures"},
        },
    )
    assert again.messages["sms"]["body"] != body
    found = statuses(deliver(again))
    assert {found[one] for one in EVERYONE if one[0] != "sms"} == {"sent"}
    assert {found[one] for one in EVERYONE if one[0] == "sms"} == {"unknown"}
    assert set(restored.received().values()) == {1}
    assert "may be older than what was sent" in (outbox_doubt() or "")
    with Outbox() as box:
        for entry in rows():
            box._update(entry.dedupe_key, next_at=None)
        send_open(box)
    assert set(restored.received().values()) == {1}, "an SMS waits for a person"
    deliver(restored.only("sms"), again=True)
    assert {restored.received()[one] for one in EVERYONE if one[0] == "sms"} == {2}


def test_an_outbox_that_ends_before_what_was_sent_is_named_before_anything_is_sent(
    post: Post,
) -> None:
    deliver(post.only("slack"))
    forget_the_morning(with_memory=False)
    assert "may be older than what was sent: it has no message" in (outbox_doubt() or "")


def test_sms_of_a_day_that_the_outbox_lacks_is_held_though_twilio_knows_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(post.only("slack"))
    forget_the_morning(with_memory=False)
    monkeypatch.setattr(sms, "LOOKED_AT", 1)
    found = statuses(deliver(post.only("sms")))
    assert set(found.values()) == {"unknown"}
    assert {entry.reason for entry in rows() if entry.channel == "sms"} == {
        "it may have been sent already, before the outbox was restored; --again sends it once more"
    }
    assert not [one for one in post.received() if one[0] == "sms"]


def test_backup_of_yesterday_brings_its_outbox_back_and_the_doubt_with_it(
    post: Post, tmp_path: Path
) -> None:
    file = tmp_path / "yesterday.zip"
    backup(file)
    deliver(post.only("sms"))
    restore(file, replace=True)
    assert "may be older than what was sent" in (outbox_doubt() or "")
    assert set(statuses(deliver(post.only("sms"))).values()) == {"unknown"}
    assert set(post.received().values()) == {1}


def test_deliveries_of_every_day_raise_no_doubt(post: Post) -> None:
    for channel in ("slack", "sms", "email"):
        deliver(post.only(channel))
    deliver(post.only("sms"), again=True)
    assert outbox_doubt() is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("CPA $1,022.73, CCW Nov 8. 52 conv, cost $1,181.87.", "CCW Nov 8"),
        ("No data yet: CCW Nov 18.", "CCW Nov 18"),
        ("CPA unknown, CCW Nov 18. INCOMPLETE: RedTrack is late.", "CCW Nov 18"),
        ("CRITICAL: Everflow is late (713). And 1 more.", None),
        ("Your code is 4711", None),
    ],
)
def test_brand_and_day_of_a_text_are_recognized(body: str, expected: str | None) -> None:
    assert sms.subject(body) == expected
