"""Whole messages that were reviewed and recorded, so that any change of text or layout shows."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from reports import Rendered, compose
from tests.reports.world import DAY, Day, Marts, trend

EXPECTED = Path(__file__).parent / "expected"
TODAY = DAY + timedelta(days=1)
SCENARIOS = {
    "normal": [Day(), *trend()],
    "late": [Day(is_complete=False), Day((), TODAY, is_complete=False, redtrack=None), *trend()],
    "absent": trend(),
}


def files_of(rendered: Rendered) -> dict[str, str]:
    email = rendered.messages["email"]
    slack = {name: rendered.messages["slack"][name] for name in ("text", "blocks")}
    return {
        "email.txt": f"Subject: {email['subject']}\n\n{email['text']}",
        "slack.json": json.dumps(slack, ensure_ascii=False, indent=2) + "\n",
        "sms.txt": rendered.messages["sms"]["body"] + "\n",
    }


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_messages_read_as_they_did_when_last_looked_at(marts: Marts, scenario: str) -> None:
    marts.load(*SCENARIOS[scenario])
    for name, text in files_of(compose("daily_ccw", "713", DAY)).items():
        expected = EXPECTED / f"daily_ccw.{scenario}.{name}"
        assert text == expected.read_text(encoding="utf-8"), expected.name
