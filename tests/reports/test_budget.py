"""The budget alert: once a day, buyers get what a source has spent without a conversion."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reports.alerts import policy
from reports.alerts.incidents import report_trouble, settle_trouble
from reports.alerts.rules.budget import Seen, dry_spell, trouble_of
from signalroom.errors import ConfigurationError
from tests.reports.alarm import Alarm

DAY = date(2026, 11, 19)
SOURCE = "64f1a20b9c3d5e0001a4c0f1"
BUYERS = f"""clients:
  "713":
    buyers:
      {SOURCE}: [ann@example.org, "+12025550199"]
"""


def hours(*seen: tuple[int, str, int]) -> list[Seen]:
    begin = datetime(2026, 11, 19, 5, tzinfo=UTC)
    return [
        Seen(begin + timedelta(hours=hour), DAY + timedelta(days=hour // 24), Decimal(cost), count)
        for hour, cost, count in seen
    ]


USUAL = [(hour, str(35 * hour), hour) for hour in range(1, 24)]


def test_spend_since_the_last_conversion_is_that_of_the_day() -> None:
    dry = dry_spell(hours(*USUAL, (24, "100", 0), (25, "212", 0)))
    assert dry is not None
    assert (dry.since, dry.usual, dry.high) == (Decimal(212), Decimal(35), Decimal(35))
    ended = dry_spell(hours(*USUAL, (24, "100", 0), (25, "212", 0), (26, "230", 2)))
    assert ended is not None
    assert ended.since == 0
    assert (ended.usual, ended.high) == (Decimal(35), Decimal(35))


def test_few_conversions_make_something_usual() -> None:
    assert dry_spell(hours(*USUAL[:19], (24, "900", 0))) is None


def test_spend_that_was_lowered_counts_against_the_source() -> None:
    dry = dry_spell(hours(*USUAL, (24, "100", 0), (25, "90", 0), (26, "95", 0)))
    assert dry is not None
    assert dry.since == Decimal(105), "100, and 5 more"


def test_somebody_else_than_the_buyer_hears_or_hears_twice(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = tmp_path / "alerts.yml"
    written.write_text(policy.FILE.read_text().replace("clients: {}\n", BUYERS))
    monkeypatch.setattr(policy, "FILE", written)
    dry = dry_spell(hours(*USUAL, (24, "312", 0)))
    assert dry is not None
    found = trouble_of("713", SOURCE, "Facebook CCW", DAY, dry)
    report_trouble(found)
    alarm.deliver()
    assert alarm.received() == {("resend", "ann@example.org"): 1, ("twilio", "+12025550199"): 1}
    mail = alarm.first("resend")[0]
    title = "Facebook CCW spent $312.00 since its last conversion"
    assert mail.payload["subject"] == f"Warning: {title} (713)"
    assert "Usually $35.00 (95th percentile $35.00)." in mail.text
    assert "RedTrack's own conversions" in mail.text
    settle_trouble(found.kind, "713", found.subject)
    alarm.deliver()
    assert set(alarm.received().values()) == {1}, "it ends by itself"


def test_source_without_buyers_is_told_to_everybody(alarm: Alarm) -> None:
    dry = dry_spell(hours(*USUAL, (24, "312", 0)))
    assert dry is not None
    report_trouble(trouble_of("713", SOURCE, None, DAY, dry))
    alarm.deliver()
    assert not alarm.received()


@pytest.mark.parametrize("address", ["nobody", "ann@example", "555-0100"])
def test_address_that_is_none_is_found_when_it_is_needed(address: str, tmp_path: Path) -> None:
    written = tmp_path / "alerts.yml"
    text = policy.FILE.read_text().replace("clients: {}\n", BUYERS)
    written.write_text(text.replace("ann@example.org", address))
    with pytest.raises(ConfigurationError, match=r"client 713, buyers: .* is not a valid address"):
        policy.buyers("713", written)
