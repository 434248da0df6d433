"""Zero is different from missing: when a report may say "no cost", in every report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from reports import Rendered, compose
from tests.reports.conftest import Compose
from tests.reports.reading import email_text, slack_text
from tests.reports.weeks_world import SUNDAY, Seller, Sold, WeekMarts
from tests.reports.world import Affiliate

TUESDAY = SUNDAY + timedelta(days=2)
LAST_WEEK = SUNDAY - timedelta(days=7)
FREE = Sold(5, "500", "0")
PAID = Sold(4, "400", "80")


def texts(rendered: Rendered) -> tuple[str, ...]:
    messages: Any = rendered.messages
    email = messages["email"]
    return slack_text(messages["slack"]), email["text"], email_text(email["html"])


def unpaid(weeks: WeekMarts, *days: date) -> None:
    row = {"advertiser_id": 2, "affiliate_label": "G2 - Meta", "is_unmapped": False}
    sold = {"conversions": 5, "cost": Decimal(0), "cpa_state": "missing_spend"}
    weeks.put("daily_performance", [{**row, **sold, "date": day} for day in days])


@pytest.mark.parametrize("late", [(), (TUESDAY,)], ids=["counted", "incomplete"])
def test_running_week_without_its_spend_is_unknown_where_that_day_counts(
    weeks: WeekMarts, late: Sequence[date]
) -> None:
    weeks.days(SUNDAY - timedelta(days=13), TUESDAY, late)
    weeks.week(SUNDAY, {2: (PAID, PAID)})
    weeks.week(SUNDAY + timedelta(days=7), {2: (FREE, PAID)}, days=1 if late else 2)
    unpaid(weeks, TUESDAY)
    rendered = compose("weekly_rollup", "713", TUESDAY)
    for part in (*rendered.context.running.brands, rendered.context.running.total):
        assert part.cpa.text == ("no cost" if late else "\u2013")
        assert part.cost.text == ("$0.00" if late else "\u2013")
    for text in texts(rendered):
        assert ("no cost" in text) is bool(late)


def test_weeks_without_their_spend_are_unknown_now_before_and_in_the_trend(
    weeks: WeekMarts,
) -> None:
    weeks.days(SUNDAY - timedelta(days=20), SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {2: (FREE, FREE)})
    weeks.week(LAST_WEEK, {2: (FREE, None)})
    weeks.week(LAST_WEEK - timedelta(days=7), {2: (PAID, None)})
    unpaid(weeks, SUNDAY, LAST_WEEK)
    rendered = compose("weekly_rollup", "713", SUNDAY)
    for part in (*rendered.context.brands, rendered.context.total):
        assert (part.cpa.now, part.cpa.before) == (None, None)
        assert (part.cost.now, part.cost.before) == (None, None)
        assert part.conversions.before == 5
    assert rendered.context.trend_cpa[-3:] == [Decimal(20), None, None]
    for text in texts(rendered):
        assert "no cost" not in text
    messages: Any = rendered.messages
    assert "CPA unknown" in messages["email"]["subject"]
    assert "Unknown" in email_text(messages["email"]["html"])
    assert "No conversions" not in email_text(messages["email"]["html"])


def test_a_week_that_lacks_some_spend_is_compared_by_its_conversions_alone(
    weeks: WeekMarts,
) -> None:
    """Without the spend of an affiliate, cost and profit once had green arrows next to them."""
    weeks.days(SUNDAY - timedelta(days=13), SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {1: (PAID, PAID), 2: (PAID, PAID)})
    unpaid(weeks, SUNDAY)
    rendered = compose("weekly_rollup", "713", SUNDAY)
    for part in (rendered.context.brands[1], rendered.context.total):
        changes = [one.change for one in (part.cpa, part.cost, part.profit)]
        assert (changes, part.conversions.change) == ([None] * 3, 0)
    assert rendered.context.brands[0].cost.change == 0


def test_a_week_is_not_compared_with_one_whose_spend_is_missing(weeks: WeekMarts) -> None:
    weeks.days(SUNDAY - timedelta(days=13), SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {1: (PAID, PAID), 2: (PAID, FREE)})
    unpaid(weeks, LAST_WEEK)
    rendered = compose("weekly_rollup", "713", SUNDAY)
    brand = rendered.context.brands[1]
    assert (brand.cpa.now, brand.cpa.before, brand.cost.before) == (Decimal(20), None, None)
    for text in texts(rendered):
        assert "no cost" not in text
        assert "Mostly" not in text


@pytest.mark.parametrize("days", [0, 3])
def test_one_day_of_explicit_zero_does_not_make_an_affiliate_free(
    weeks: WeekMarts, days: int
) -> None:
    """The mart's CPA is 0 if one day has a cost of 0 and the others have no cost."""
    weeks.days(SUNDAY - timedelta(days=13), SUNDAY + timedelta(days=1))
    google = Seller("G2 - Google", 12, "0", "950", (9, "0", "9"), 1, True, "zero_cost", days)
    weeks.board(SUNDAY, google)
    weeks.board(LAST_WEEK, Seller("G2 - Google", 9, "0", "9", missing_days=days, is_internal=True))
    rendered = compose("affiliate_leaderboard", "713", SUNDAY)
    place = rendered.context.boards[0].places[0]
    zero = None if days else Decimal(0)
    assert (place.cost.now, place.cpa.now, place.cpa.before) == (zero, zero, zero)
    for text in texts(rendered):
        assert ("no cost" in text) is (days == 0)


def test_weekly_trend_that_cost_nothing_has_no_price_at_either_end(weeks: WeekMarts) -> None:
    weeks.days(SUNDAY - timedelta(days=6), SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {2: (FREE, None)})
    weekly = compose("weekly_rollup", "713", SUNDAY)
    assert "no cost to no cost" in texts(weekly)[1]
    assert "no cost\u2013no cost" in texts(weekly)[0]


def test_daily_trend_that_cost_nothing_has_no_price_at_either_end(report: Compose) -> None:
    daily = report(Affiliate("AC Email", 3, "0", state="zero_cost"))
    assert "no cost to no cost" in texts(daily)[1]
    assert "no cost\u2013no cost" in texts(daily)[0]
