"""Goals and comparisons: a CPA is shown with its target, a day with more than just yesterday."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from reports import compose
from tests.reports.reading import slack_text
from tests.reports.test_weekly import CCW, NOBODY
from tests.reports.weeks_world import SUNDAY, WeekMarts
from tests.reports.world import DAY, Affiliate, Day, Marts, trend

SOLD = (Affiliate("A", 10, "310"), Affiliate("Unmapped: B", 0, "40", "unmapped"))


def month(marts: Marts) -> None:
    """Eighteen equal days of November, and one of October that must not count."""
    days = [Day(SOLD, DAY - timedelta(days=back)) for back in range(19)]
    marts.load(*days)


def test_goals_are_those_of_the_month_up_to_the_reports_day(marts: Marts) -> None:
    month(marts)
    marts.goals(cpa="30", spend="10000", conversions="300")
    marts.goals("EXP", cpa="1")
    rendered = compose("daily_ccw", "713", DAY)
    text = rendered.messages["email"]["text"]
    assert "CPA 3.3% over target of $30.00; $31.00 this month, 3.3% over target" in text
    # 18 days of 310 and of 40 that is not mapped
    assert "Spend $6,300.00 of $10,000.00: 63% of budget on 60% of the month" in text
    assert "Conversions 180 of 300: 60% of goal on 60% of the month" in text
    assert "$1.00" not in text, "another brand's goal"
    assert [goal.is_good for goal in rendered.context.goals] == [False, None, True]
    html = rendered.messages["email"]["html"]
    assert html.index('class="bad"') < html.index("over target of $30.00")
    slack = slack_text(rendered.messages["slack"])
    assert ":red_circle: CPA 3.3% over target" in slack
    assert ":large_green_circle: Conversions 180 of 300" in slack
    kept = {one.metric: one.text for one in rendered.figures if "month" in one.keys}
    assert (kept["spend_goal"], Decimal(kept["spend_to_date"])) == (
        "10000.000000000000000000",
        6300,
    )


def test_without_a_goal_nothing_is_said_of_goals(marts: Marts) -> None:
    month(marts)
    rendered = compose("daily_ccw", "713", DAY)
    assert rendered.context.goals == ()
    assert "target" not in rendered.messages["email"]["text"]
    assert "of budget" not in slack_text(rendered.messages["slack"])


def test_goals_of_a_day_that_a_source_never_told_of_are_not_judged(marts: Marts) -> None:
    month(marts)
    marts.load(Day(SOLD, is_complete=False, redtrack=None))
    marts.goals(cpa="30")
    assert compose("daily_ccw", "713", DAY).context.goals == ()


def test_a_day_that_may_yet_cost_more_is_not_held_against_its_target(marts: Marts) -> None:
    month(marts)
    marts.load(Day(SOLD, is_complete=False))
    marts.goals(cpa="30")
    text = compose("daily_ccw", "713", DAY).messages["email"]["text"]
    assert "CPA target $30.00: $31.00 this month, 3.3% over target" in text
    assert text.count("3.3% over") == 1, "neither the day nor a row of it is judged"


def test_a_month_that_lacks_spend_is_neither_under_its_target_nor_within_its_budget(
    marts: Marts,
) -> None:
    """Without the spend of one affiliate, a month's CPA was once shown in green as under target."""
    month(marts)
    unpaid = Affiliate("C", 10, "0", "internal", state="missing_spend")
    marts.load(Day((*SOLD, unpaid), DAY - timedelta(days=3)))
    marts.goals(cpa="40", spend="10000")
    rendered = compose("daily_ccw", "713", DAY)
    text = rendered.messages["email"]["text"]
    assert "CPA 22.5% under target of $40.00; $29.37 this month, some spend missing" in text
    assert "63% of budget on 60% of the month, some spend missing" in text
    marts.load(Day((*SOLD, unpaid)))
    cpa, _ = compose("daily_ccw", "713", DAY).context.goals
    assert cpa.words == "CPA target $40.00: $27.90 this month, some spend missing"
    assert cpa.is_good is None


def test_day_is_compared_with_its_weekday_and_with_seven_days(marts: Marts) -> None:
    marts.load(
        Day((Affiliate("A", 12, "300"),)),
        *(Day((Affiliate("A", 10, "200"),), DAY - timedelta(days=back)) for back in range(1, 7)),
        Day((Affiliate("A", 8, "240"),), DAY - timedelta(days=7)),
    )
    text = compose("daily_ccw", "713", DAY).messages["email"]["text"]
    before, mean = text.split("Against ")[1:3]
    assert before.split("\n")[:4] == [
        "Wed, Nov 11, a week before:",
        "  CPA          ▼ 16.7% from $30.00",
        "  Conversions  ▲ 50.0% from 8",
        "  Cost         ▲ 25.0% from $240.00",
    ]
    # 1,440 for 68 in seven days
    assert mean.split("\n")[:4] == [
        "the 7-day average:",
        "  CPA          ▲ 18.1% from $21.18",
        "  Conversions  ▲ 23.5% from 9.7",
        "  Cost         ▲ 45.8% from $205.71",
    ]


@pytest.mark.parametrize("late", [1, 7])
def test_day_that_is_not_whole_is_in_no_comparison(marts: Marts, late: int) -> None:
    marts.load(Day(), *trend())
    marts.load(Day(date=DAY - timedelta(days=late), is_complete=False))
    text = compose("daily_ccw", "713", DAY).messages["email"]["text"]
    assert "7-day average" not in text
    assert ("a week before" in text) == (late == 1)


def test_weekly_message_names_each_brands_goals(weeks: WeekMarts) -> None:
    weeks.days(SUNDAY - timedelta(days=13), SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {1: CCW, None: NOBODY})
    columns = ("brand", "month", "measure", "goal", "days_in_month")
    weeks.put(
        "goal_pace",
        [
            dict(zip(columns, ("CCW", month, "cpa", Decimal(goal), 30), strict=True))
            for month, goal in (("2026-11", 30), ("2026-12", 1))
        ],
    )
    sold = {"advertiser_id": 1, "is_unmapped": False, "conversions": 100, "cost": Decimal(2800)}
    weeks.put("daily_performance", [{**sold, "date": SUNDAY}])
    weeks.put("daily_performance", [{**sold, "date": SUNDAY + timedelta(days=1)}])
    rendered = compose("weekly_rollup", "713", SUNDAY)
    # the week's own: (29,448.89 - 351.58) / 1,013
    words = "CCW: CPA 4.3% under target of $30.00; $28.00 this month, 6.7% under target"
    assert words in rendered.messages["email"]["text"]
    assert f":large_green_circle: {words}" in slack_text(rendered.messages["slack"])
    html = rendered.messages["email"]["html"]
    assert html.index('class="good"') < html.index("under target of $30.00")


def test_a_week_that_lacks_spend_is_not_said_to_be_under_its_target(weeks: WeekMarts) -> None:
    weeks.days(SUNDAY - timedelta(days=13), SUNDAY + timedelta(days=1))
    weeks.week(SUNDAY, {1: CCW, None: NOBODY})
    goal = {"brand": "CCW", "month": "2026-11", "measure": "cpa", "goal": Decimal(30)}
    weeks.put("goal_pace", [{**goal, "days_in_month": 30}])
    sold = {"advertiser_id": 1, "is_unmapped": False, "conversions": 100, "cost": Decimal(0)}
    missing = {"affiliate_label": "G2 - Meta", "cpa_state": "missing_spend"}
    weeks.put("daily_performance", [{**sold, **missing, "date": SUNDAY}])
    text = compose("weekly_rollup", "713", SUNDAY).messages["email"]["text"]
    assert "Spend missing for 1 affiliate" in text
    assert "CCW: CPA target $30.00: " in text
    assert "4.3% under target" not in text
