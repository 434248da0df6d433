"""Whole Monday messages that were reviewed and recorded, so that any change shows."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from reports import compose
from tests.reports.test_weekly_page import fill
from tests.reports.weeks_world import SUNDAY, Sold, WeekMarts

EXPECTED = Path(__file__).parent / "expected"
REPORTS = {
    "weekly_rollup": SUNDAY + timedelta(days=2),  # including the running week
    "affiliate_leaderboard": SUNDAY,
    "state_performance": SUNDAY,
}


@pytest.mark.parametrize("name", REPORTS)
def test_messages_read_as_they_did_when_last_looked_at(weeks: WeekMarts, name: str) -> None:
    fill(weeks, "normal")
    weeks.days(SUNDAY + timedelta(days=2), SUNDAY + timedelta(days=2))
    running = (Sold(50, "900", "1400.00"), Sold(40, "800", "1000.00"))
    weeks.week(SUNDAY + timedelta(days=7), {1: running}, days=2)
    messages = compose(name, "713", REPORTS[name]).messages
    slack = {part: messages["slack"][part] for part in ("text", "blocks")}
    files = {
        "email.txt": f"Subject: {messages['email']['subject']}\n\n{messages['email']['text']}",
        "slack.json": json.dumps(slack, ensure_ascii=False, indent=1) + "\n",
    }
    for ending, text in files.items():
        expected = EXPECTED / f"{name}.normal.{ending}"
        if name == "affiliate_leaderboard" and ending == "slack.json":
            continue  # a table block is long, and test_leaderboard.py checks its numbers
        assert text == expected.read_text(encoding="utf-8"), expected.name
