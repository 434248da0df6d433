"""Made-up figures must not be mistaken for real ones: messages, deliveries, the run database."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.delivery.deliver import Delivery
from reports.messages import render
from reports.model import Content
from scheduler.status import freshness
from signalroom import clock
from signalroom.simulated import is_simulated
from tests.reports.conftest import Compose
from tests.reports.reading import email_text, slack_text


@pytest.mark.parametrize("is_made_up", [True, False])
def test_a_made_up_report_is_taken_for_a_real_one(
    report: Compose, monkeypatch: pytest.MonkeyPatch, is_made_up: bool
) -> None:
    if is_made_up:
        monkeypatch.setenv("SIGNALROOM_SANDBOX", "1")
    messages: dict[str, Content] = report().messages
    mail = messages["email"]
    shown = {
        "slack": slack_text(messages["slack"]),
        "email": email_text(mail["html"]),
        "text": mail["text"],
    }
    assert {render.SIMULATED in one for one in shown.values()} == {is_made_up}
    assert ("(simulated)" in messages["sms"]["body"]) is is_made_up
    line = Delivery("slack", "C0", "sent").summary()
    said = "delivered (simulated)" if is_made_up else "delivered"
    assert line == f"Slack to C0: {said}"


def test_figures_loaded_from_the_sandbox_are_real_in_the_next_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path))
    assert not is_simulated()
    freshness.record_pull("713", "everflow", ["daily_stats"], clock.now())
    assert not is_simulated()
    monkeypatch.setenv("SIGNALROOM_SANDBOX", "1")
    freshness.record_pull("713", "everflow", ["daily_stats"], clock.now())
    monkeypatch.delenv("SIGNALROOM_SANDBOX")
    assert is_simulated()
