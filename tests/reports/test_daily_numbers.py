"""The numbers of the daily report: correct, equal in every channel, and adding up."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from bs4 import BeautifulSoup

from reports import Rendered, compose
from reports.shared.figures import apportion, money, percent_change, ratio, rounded
from tests.reports.conftest import Compose
from tests.reports.reading import Lines, email_lines, email_text, fixed_width_lines, slack_text
from tests.reports.world import DAY, EXAMPLE, PAID_EXAMPLE, Affiliate, Day, Marts, trend

CENT = Decimal("0.01")
EXPECTED: Lines = {
    "Overall": (47, Decimal("1260.00"), Decimal("26.81")),
    "Paid media": (32, Decimal("900.00"), Decimal("28.13")),
    "Affiliates": (15, Decimal("360.00"), Decimal("24.00")),
    "G2 - Meta": (20, Decimal("600.00"), Decimal("30.00")),
    "SB - Meta": (10, Decimal("300.00"), Decimal("30.00")),
    "G2 - Google": (2, None, None),
    "Blue Bench": (12, Decimal("360.00"), Decimal("30.00")),
    "Venture Beyond": (0, Decimal("0.00"), None),
    "AC Email": (3, Decimal("0.00"), Decimal("0.00")),
}


def lines_of(rendered: Rendered) -> dict[str, Lines]:
    messages = rendered.messages
    return {
        "slack": fixed_width_lines(slack_text(messages["slack"])),
        "e-mail": email_lines(messages["email"]["html"]),
        "e-mail text": fixed_width_lines(messages["email"]["text"]),
    }


def test_worked_example_reads_the_same_in_every_channel_to_the_cent(marts_on_both: Marts) -> None:
    marts_on_both.load(Day(), *trend())
    rendered = compose("daily_ccw", "713", DAY)
    for channel, lines in lines_of(rendered).items():
        assert lines == EXPECTED, channel
    assert rendered.messages["sms"]["body"].startswith("CPA $26.81, CCW Nov 18. Spend missing")
    for text in ("$1,260.00", "$28.13", "$24.00", "$342.25"):
        assert text in rendered.messages["sms"]["body"]
    assert "CPA $26.81, 47 conversions, cost $1,260.00" in rendered.messages["email"]["subject"]
    assert "CPA $26.81, 47 conversions, cost $1,260.00" in rendered.messages["slack"]["text"]


def test_unmapped_spend_stands_alone_and_of_another_brand_not_at_all(report: Compose) -> None:
    ccw, exp = report(), report(name="daily_exp")
    for rendered, total in ((ccw, "$342.25"), (exp, "$330.25")):
        text = rendered.messages["email"]["text"]
        assert f"Unmapped spend {total}, not included above" in text
        assert f"*Unmapped spend {total}*" in slack_text(rendered.messages["slack"])
    assert "Google Accounts" in ccw.messages["email"]["html"]
    assert "Google Accounts" not in exp.messages["email"]["html"]
    assert exp.messages["email"]["subject"].startswith("EXP: No CPA, 0 conversions, cost $75.00")


def test_paid_media_is_told_from_affiliates(report: Compose) -> None:
    rendered = report()
    internal = {line.name for line in rendered.context.top if line.is_internal}
    assert internal == {"G2 - Meta", "SB - Meta", "G2 - Google"}
    assert rendered.messages["email"]["html"].count(">paid media</span>") == 3
    marked = [
        line for line in rendered.messages["email"]["text"].splitlines() if line.startswith("+ ")
    ]
    assert [line[2:].split("  ")[0] for line in marked[:3]] == [
        "G2 - Meta",
        "SB - Meta",
        "G2 - Google",
    ]


@pytest.mark.parametrize("seed", range(5))
def test_parts_add_up_to_the_whole_even_with_fractions_of_cents(report: Compose, seed: int) -> None:
    dice = random.Random(seed)
    affiliates = [
        Affiliate(
            f"Partner {number}",
            dice.randrange(1, 60),
            str(Decimal(dice.randrange(10**9)) / 10**6),
            dice.choice(("internal", "external")),
        )
        for number in range(25)
    ]
    exact = sum((Decimal(one.cost) for one in affiliates), Decimal(0))
    whole = exact.quantize(CENT, ROUND_HALF_UP)
    for channel, lines in lines_of(report(*affiliates)).items():
        conversions, cost, cpa = lines.pop("Overall")
        assert conversions == sum(one.conversions for one in affiliates), channel
        assert cost == whole, channel
        assert cpa == (exact / (conversions or 1)).quantize(CENT, ROUND_HALF_UP), channel
        groups = [lines.pop("Paid media"), lines.pop("Affiliates")]
        assert len(lines) == 11, channel
        assert "15 others" in lines, channel
        for parts in (groups, list(lines.values())):
            assert sum(part[0] or 0 for part in parts) == conversions, channel
            assert sum(part[1] or Decimal(0) for part in parts) == whole, channel


def test_top_ten_are_those_with_most_conversions(report: Compose) -> None:
    affiliates = [Affiliate(f"Partner {n:02}", n, f"{n * 3}.00") for n in range(14)]
    rendered = report(*affiliates)
    names = [line.name for line in rendered.context.top]
    assert names == [f"Partner {n:02}" for n in range(13, 3, -1)]
    assert rendered.context.others.figures.conversions == 0 + 1 + 2 + 3
    assert rendered.context.others.figures.cost == 3 * (0 + 1 + 2 + 3)


def test_ten_affiliates_leave_no_others(report: Compose) -> None:
    rendered = report(*(Affiliate(f"Partner {n}", n, "1.00") for n in range(10)))
    assert rendered.context.others is None
    assert "other" not in rendered.messages["email"]["text"].split("Last 14 days")[0].lower()


def test_huge_numbers_stay_exact_and_do_not_glue_together(report: Compose) -> None:
    cost = "12345678901234567.891234567"
    for channel, lines in lines_of(report(Affiliate("Whale", 9_876_543_210, cost))).items():
        assert lines["Whale"] == (
            9_876_543_210,
            Decimal("12345678901234567.89"),
            Decimal("1249999.99"),
        ), channel


def test_negative_cost_keeps_its_sign_in_every_channel(report: Compose) -> None:
    rendered = report(Affiliate("Refunder", 2, "-75.00"))
    for channel, lines in lines_of(rendered).items():
        assert lines["Overall"] == (2, Decimal("-75.00"), Decimal("-37.50")), channel
    assert rendered.messages["sms"]["body"].startswith("CPA -$37.50")


def test_comparison_is_with_the_day_before_and_not_an_older_one(
    marts: Marts, report: Compose
) -> None:
    older = Day((Affiliate("Blue Bench", 10, "500.00"),), DAY - timedelta(days=2))
    marts.load(older)
    rendered = report(*PAID_EXAMPLE)
    assert rendered.context.deltas.cpa is None
    assert "%" not in rendered.messages["email"]["text"]
    marts.load(Day((Affiliate("Blue Bench", 10, "300.00"),), DAY - timedelta(days=1)))
    rendered = compose("daily_ccw", "713", DAY)
    assert rendered.context.deltas.cpa.from_text == "\u25bc 6.7% from $30.00"
    assert rendered.context.deltas.cpa.is_good is True
    assert rendered.context.deltas.conversions.from_text == "\u25b2 350.0% from 10"
    assert rendered.context.deltas.cost.from_text == "\u25b2 320.0% from $300.00"


def test_trend_has_fourteen_days_and_gaps_where_nothing_was_loaded(marts: Marts) -> None:
    marts.load(Day(), *(day for day in trend() if day.date != DAY - timedelta(days=3)))
    trend_days = compose("daily_ccw", "713", DAY).context.trend
    assert [one.day for one in trend_days] == [
        DAY - timedelta(days=back) for back in range(13, -1, -1)
    ]
    assert [one.day for one in trend_days if one.figures.conversions is None] == [
        DAY - timedelta(days=3)
    ]
    assert trend_days[-1].figures.conversions == 47


def test_another_clients_rows_and_brands_do_not_count(marts: Marts, report: Compose) -> None:
    marts.load(Day((Affiliate("Stranger", 99, "999.00"),), client_id="cti"))
    rendered = report()
    assert "Stranger" not in str(rendered.messages)
    assert rendered.context.total.conversions == sum(
        one.conversions for one in EXAMPLE if one.advertiser_id == 1
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: money(Decimal("0.005")), "$0.01"),
        (lambda: money(Decimal("-0.005")), "\u2212$0.01"),
        (lambda: money(Decimal("-0.004")), "$0.00"),
        (lambda: money(None), "\u2013"),
        (lambda: rounded(ratio(Decimal("28.125"), 1)), Decimal("28.13")),
        (lambda: ratio(Decimal(5), 0), None),
        (lambda: ratio(None, 3), None),
        (lambda: percent_change(5, 0), None),
        (lambda: percent_change(None, 5), None),
        (lambda: apportion([Decimal("0.333"), Decimal("0.333"), Decimal("0.334")]),
         [Decimal("0.33"), Decimal("0.33"), Decimal("0.34")]),
        (lambda: apportion([Decimal("0.005"), Decimal("0.005")]),
         [Decimal("0.01"), Decimal("0.00")]),
        (lambda: apportion([]), []),
    ],
)  # fmt: skip
def test_rounding_is_half_up_and_unknown_stays_unknown(
    call: Callable[[], object], expected: object
) -> None:
    assert call() == expected


@pytest.mark.parametrize("brand_is_free", [False, True], ids=["an affiliate", "a whole brand"])
def test_what_costs_nothing_reads_as_no_cost_and_never_as_a_price(
    marts: Marts, report: Compose, brand_is_free: bool
) -> None:
    free = Affiliate("AC Email", 3, "0", state="zero_cost")
    paid = () if brand_is_free else (Affiliate("Blue Bench", 12, "360.00"),)
    marts.load(*trend())
    messages: Any = report(free, *paid).messages
    mail = BeautifulSoup(messages["email"]["html"], "html.parser")
    for picture in mail.select("img"):
        assert "CPA $0.00" not in picture["alt"]
    rows = [row.get_text(" ", strip=True) for row in mail.select("tr.line")]
    assert any(re.fullmatch(r"AC Email .*3 \$0\.00 no cost", row) for row in rows), rows
    for text in (slack_text(messages["slack"]), messages["email"]["text"]):
        assert re.search(r"AC Email +3 +\$0(\.00)? +no cost", text), text
        assert "CPA $0.00" not in text
    sms = messages["sms"]["body"]
    assert f"affiliate CPA {'no cost' if brand_is_free else '$24.00'}" in sms
    assert ("No cost, CCW Nov 18." in sms) is brand_is_free
    assert ("CCW: No cost, 3 conversions" in messages["email"]["subject"]) is brand_is_free


def test_where_all_spend_is_missing_the_cost_is_unknown_and_not_none(
    marts: Marts, report: Compose
) -> None:
    marts.load(*trend())
    unpaid = Affiliate("G2 - Google", 2, "0", "internal", state="missing_spend")
    messages: Any = report(unpaid).messages
    for text in (email_text(messages["email"]["html"]), messages["sms"]["body"]):
        assert "no cost" not in text.casefold()
    assert re.search(r"Paid media 1?\D*2 \u2013 \u2013", email_text(messages["email"]["html"]))
    assert "cost -. Paid CPA -" in messages["sms"]["body"]
    assert "CPA unknown" in messages["sms"]["body"]
