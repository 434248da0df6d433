"""The sender is killed while a vendor answers: there must still be exactly one message."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from reports import deliver
from reports.delivery.outbox import Outbox
from scheduler.planning import requested
from scheduler.runs.work_ledger import WorkLedger
from scheduler.schedule import Job
from signalroom import clock
from tests.reports.post import EVERYONE, VENDOR, Post, rows, statuses
from tests.support.processes import BIN, is_ours, own_environment

PATH = {"slack": "chat.postMessage", "email": "POST /emails", "sms": "POST"}


def killed_while_answered(post: Post, channel: str) -> None:
    """kill -9 of a sender after the vendor accepted its message and before it answered."""

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


def family(pid: int) -> list[int]:
    """A process and all of its descendants."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


@pytest.fixture
def start_scheduler(post: Post) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start the scheduler on the warehouse of `post`; it is ended with the test."""
    with ExitStack() as stack:

        def start() -> subprocess.Popen[bytes]:
            ours = {name: value for name, value in os.environ.items() if is_ours(name)}
            process = subprocess.Popen(
                [str(BIN / "signalroom"), "scheduler"], env=own_environment({**ours, "PORT": "0"})
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.fault(38, 49, 50, 51, 54)
@pytest.mark.parametrize("channel", ["slack", "email", "sms"])
def test_a_scheduler_killed_while_the_vendor_answers_ends_the_run_well_and_tells_nobody_twice(
    post: Post, start_scheduler: Callable[[], subprocess.Popen[bytes]], channel: str
) -> None:
    """After the restart it finds a message that the killed one had claimed."""
    post.agency.faults.plan(
        VENDOR[channel], "accept_then_hang", times=1, match=PATH[channel], seconds=20
    )
    first = start_scheduler()
    job = Job("morning", "0 0 * * *", (), None, ("daily_ccw",), 10)
    run = requested(job, "manual", clock.now(), clock.instant())
    names = {vendor: one for one, vendor in VENDOR.items()}
    with WorkLedger() as ledger:
        ledger.record(run)
        give_up_at = time.monotonic() + 120
        while channel not in {names[told.channel] for told in post.agency.messages}:
            assert time.monotonic() < give_up_at, ledger.run(run.run_id)
            time.sleep(0.01)
        for pid in family(first.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        first.wait()
        start_scheduler()
        give_up_at = time.monotonic() + 240
        while (found := ledger.run(run.run_id)) is None or found.finished_at is None:
            assert time.monotonic() < give_up_at, found
            time.sleep(0.1)
    assert (found.status, found.error) == ("done", None)
    assert set(post.received()) == EVERYONE
    assert set(post.received().values()) == {1}, "nobody has it twice, and no alert was sent"
    assert {entry.status for entry in rows()} == {"sent"}
