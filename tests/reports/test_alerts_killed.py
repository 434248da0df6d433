"""Alerts when processes die or run in parallel: each is still sent once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reports.alerts import deliver as alerting
from tests.reports.alarm import EMAILS, EVERYONE, PHONES, SLACK, Alarm
from tests.reports.reading import slack_text


def test_process_killed_after_sending_tells_nobody_twice(alarm: Alarm) -> None:
    alarm.report().deliver()
    alarm.die_while_sending()
    alarm.deliver()
    assert alarm.received() == dict.fromkeys(EVERYONE, 1)
    alarm.at(minutes=40).settle().deliver()
    alarm.die_while_sending()
    alarm.deliver()
    assert alarm.received() == {SLACK: 1, **dict.fromkeys(EMAILS | PHONES, 2)}
    assert "*Resolved, lasted 40 min:*" in slack_text(dict(alarm.slack()[0].payload))


def test_process_killed_before_the_first_message_is_made_up_for(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    alarm.report("warning")
    with monkeypatch.context() as patch:
        patch.setattr(alerting, "entry_of", kill)
        with pytest.raises(Killed):
            alarm.deliver()
    alarm.deliver()
    assert alarm.received() == dict.fromkeys({SLACK} | EMAILS, 1)


def test_command_killed_in_the_middle_of_a_message_sends_it_once(alarm: Alarm) -> None:
    alarm.report("notice")
    alarm.fault("slack", "accept_then_hang", seconds=60)
    command = [str(Path(sys.executable).parent / "signalroom"), "deliver"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up_at = time.monotonic() + 100
    while not alarm.slack() and time.monotonic() < give_up_at:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=60)
    assert [row.status for row in alarm.rows()] == ["unknown"]
    assert alarm.deliver() == {}, "the dead process's lease still counts"
    alarm.wait_out()
    assert alarm.deliver() == {("slack", "C0ALERTS713"): "sent"}
    assert alarm.received() == {SLACK: 1}


def test_two_commands_at_once_tell_everybody_once(alarm: Alarm) -> None:
    alarm.report()
    command = [str(Path(sys.executable).parent / "signalroom"), "deliver"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [child.wait(timeout=100) for child in both] == [0, 0]
    assert alarm.received() == dict.fromkeys(EVERYONE, 1)
    assert {row.status for row in alarm.rows()} == {"sent"}
