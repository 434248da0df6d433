"""A report about late, missing or incomplete data must not show zeros that no one measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reports import Rendered, compose
from tests.reports.conftest import Compose
from tests.reports.reading import email_text, slack_text
from tests.reports.world import (
    BEFORE_MIDNIGHT,
    DAY,
    LOADED_AT,
    PAID_EXAMPLE,
    Affiliate,
    Day,
    Marts,
    trend,
)

PAID = Affiliate("G2 - Meta", 20, "0", "internal", state="missing_spend")
OWED = Affiliate("Blue Bench", 12, "360.00")


def every_text(rendered: Rendered) -> dict[str, str]:
    messages = rendered.messages
    return {
        "subject": messages["email"]["subject"],
        "html": email_text(messages["email"]["html"]),
        "text": messages["email"]["text"],
        "slack": slack_text(messages["slack"]),
        "fallback": messages["slack"]["text"],
        "sms": messages["sms"]["body"],
    }


BOTH = "Everflow and RedTrack are late"


@pytest.mark.parametrize(
    ("loads", "today", "names"),
    [
        ({}, {"redtrack": None}, "RedTrack is late"),
        ({}, {"everflow": None}, "Everflow is late"),
        ({"redtrack": None}, {"redtrack": None}, "RedTrack is late"),
        ({"redtrack": None}, {}, "RedTrack is late"),
        ({"everflow": BEFORE_MIDNIGHT, "redtrack": BEFORE_MIDNIGHT}, None, BOTH),
        # both pulls ended after midnight, but neither began after it
        ({}, None, BOTH),
    ],
)
def test_late_source_is_named_in_every_headline(
    marts: Marts,
    report: Compose,
    loads: dict[str, Any],
    today: dict[str, Any] | None,
    names: str,
) -> None:
    if today is not None:
        marts.load(Day((), DAY + timedelta(days=1), is_complete=False, **today))
    rendered = report(is_complete=False, **loads)
    assert rendered.edition == "incomplete"
    for place, text in every_text(rendered).items():
        assert "INCOMPLETE" in text, place
        assert names in text, place
    header = rendered.messages["slack"]["blocks"][0]["text"]["text"]
    assert header.startswith(f"INCOMPLETE: {names}")
    subject = rendered.messages["email"]["subject"]
    assert subject.startswith("INCOMPLETE \u00b7 CCW: ")
    assert subject.endswith(names)


def test_day_after_lends_its_loads_but_none_of_its_numbers(marts: Marts, report: Compose) -> None:
    alone = report()
    marts.load(Day((Affiliate("Tomorrow", 99, "999.00"),), DAY + timedelta(days=1)))
    assert report().messages == alone.messages


def test_complete_day_is_not_called_incomplete(report: Compose) -> None:
    rendered = report(*PAID_EXAMPLE)
    assert rendered.edition == "complete"
    for place, text in every_text(rendered).items():
        assert "INCOMPLETE" not in text, place
    assert "Complete" in rendered.messages["email"]["text"]


def test_running_day_is_never_told_as_a_whole_one(
    report: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-18T23:59:59-05:00")
    rendered = report()  # even if the marts call it complete
    assert rendered.edition == "incomplete"
    for place, text in every_text(rendered).items():
        assert "the day is not over yet" in text, place
        assert "final" not in text.lower(), place


def test_midnight_of_the_business_zone_ends_the_day(
    report: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T00:00:00-05:00")
    assert report().edition == "complete"


def test_nothing_is_compared_with_a_day_that_still_fills(marts: Marts, report: Compose) -> None:
    marts.load(*trend())
    rendered = report(is_complete=False, redtrack=BEFORE_MIDNIGHT)
    assert rendered.context.deltas.cpa is None
    assert report(*PAID_EXAMPLE).context.deltas.cpa is not None


@pytest.mark.parametrize("loaded", [False, True])
def test_day_without_data_says_so_instead_of_zeros(
    marts: Marts, report: Compose, loaded: bool
) -> None:
    marts.load(*trend())
    if loaded:  # the day exists in the calendar, but no source was ever loaded for it
        marts.load(Day((), everflow=None, redtrack=None, is_complete=False))
    rendered = compose("daily_ccw", "713", DAY)
    assert rendered.edition == "incomplete"
    for place, text in every_text(rendered).items():
        assert "no data" in text.lower(), place
        assert "$" not in text, place
        assert " 0 conv" not in text, place


def test_loaded_day_of_nothing_is_a_true_zero(report: Compose, marts: Marts) -> None:
    marts.load(Day(()))
    rendered = compose("daily_ccw", "713", DAY)
    assert rendered.edition == "complete"
    assert rendered.messages["email"]["subject"].startswith(
        "CCW: No CPA, 0 conversions, cost $0.00"
    )
    assert rendered.messages["sms"]["body"].startswith("No CPA, CCW Nov 18. 0 conv, cost $0.00.")


def test_cost_is_unknown_and_no_cpa_claimed_while_redtrack_was_never_loaded(
    report: Compose,
) -> None:
    rendered = report(PAID, OWED, is_complete=False, redtrack=None)
    context = rendered.context
    assert (context.total.conversions, context.total.cost, context.total.cpa) == (32, None, None)
    assert (context.paid_media.cost, context.affiliates.cost) == (None, 360)
    assert context.headline == "CPA unknown, 32 conversions, cost \u2013"
    assert "RedTrack was not loaded for this day" in rendered.messages["email"]["text"]
    assert "RedTrack was not loaded" not in report(PAID, OWED).messages["email"]["text"]


def test_conversions_are_unknown_while_everflow_was_never_loaded(report: Compose) -> None:
    spend = Affiliate("G2 - Meta", 0, "75.00", "internal", state="no_conversions")
    rendered = report(spend, is_complete=False, everflow=None)
    assert rendered.context.total.conversions is None
    assert rendered.context.headline.startswith("CPA unknown, \u2013 conversions")
    assert "Everflow was not loaded for this day" in rendered.messages["email"]["text"]
    assert "Everflow was not loaded" not in report(spend).messages["email"]["text"]


def test_missing_spend_is_named_only_when_some_is_missing(report: Compose) -> None:
    sentence = "Spend is missing for G2 - Google: 2 conversions without a row in RedTrack"
    assert sentence in report().messages["email"]["text"]
    assert sentence in slack_text(report().messages["slack"])
    paid = Affiliate("G2 - Google", 2, "10.00", "internal")
    assert "Spend is missing" not in report(paid).messages["email"]["text"]


def test_freshness_is_told_in_the_business_zone(report: Compose) -> None:
    summer = datetime(2026, 11, 20, 4, 59, tzinfo=UTC)
    rendered = report(everflow=LOADED_AT, redtrack=summer)
    for text in (rendered.messages["email"]["text"], slack_text(rendered.messages["slack"])):
        assert "Everflow as of Nov 19, 7:01 AM EST" in text
        assert "RedTrack as of Nov 19, 11:59 PM EST" in text
        assert "All times Eastern" in text
    assert "RedTrack not loaded" in report(redtrack=None).messages["email"]["text"]
