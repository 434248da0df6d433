"""How a report describes days that changed after they were reported: from what, to what, why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from reports import compose, registry
from reports.compose import read_rows
from reports.daily import build as daily
from reports.model import LastReport, Subject
from reports.shared.completeness import restatements
from signalroom.clients import client
from tests.reports.world import DAY, Affiliate, Day, Marts

AT = datetime(2026, 11, 18, 12, 0, 5, tzinfo=UTC)
BEFORE = {
    "internal_cost": "900",
    "external_cost": "360",
    "unmapped_cost": "342.25",
    "internal_conversions": "32",
    "external_conversions": "15",
}
YESTERDAY = DAY - timedelta(days=1)


def said(now: dict[str, str], edition: str = "complete", day: date = DAY) -> list[str]:
    history = {day: LastReport(AT, edition, BEFORE)}
    return list(restatements(DAY, "complete", {day.isoformat(): {**BEFORE, **now}}, history).lines)


def test_nothing_is_said_the_first_time() -> None:
    assert restatements(DAY, "complete", {DAY.isoformat(): BEFORE}, {}).lines == ()


def test_nothing_is_said_when_nothing_changed() -> None:
    assert said({}) == []


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (
            {"external_conversions": "13", "external_cost": "300"},
            "CPA $26.81 \u2192 $26.67, conversions 47 \u2192 45, cost $1,260.00 \u2192 $1,200.00; "
            "Everflow removed 2 affiliate conversions and Everflow payout fell $60.00.",
        ),
        (
            {"internal_cost": "920.50"},
            "CPA $26.81 \u2192 $27.24, cost $1,260.00 \u2192 $1,280.50; "
            "RedTrack spend rose $20.50.",
        ),
        (
            {"internal_cost": "912", "unmapped_cost": "330.25"},
            "CPA $26.81 \u2192 $27.06, cost $1,260.00 \u2192 $1,272.00; RedTrack spend rose $12.00 "
            "and unmapped spend fell $12.00.",
        ),
        (
            {"internal_conversions": "31", "external_conversions": "16"},
            "the totals are unchanged, but Everflow removed 1 paid-media conversion and Everflow "
            "added 1 affiliate conversion.",
        ),
    ],
)
def test_change_is_told_from_what_to_what_because_of_what(now: dict[str, str], line: str) -> None:
    lines = said(now, day=YESTERDAY)
    assert lines == [f"Tue, Nov 17 has changed since we reported it on Nov 18, 7:00 AM EST: {line}"]


def test_first_whole_message_says_which_incomplete_one_it_corrects() -> None:
    stands = said({}, edition="incomplete")
    assert stands == ["Replaces the incomplete report of Nov 18, 7:00 AM EST: numbers unchanged."]
    changed = said({"internal_cost": "920.50"}, edition="incomplete")
    assert changed[0].startswith(
        "Replaces the incomplete report of Nov 18, 7:00 AM EST: CPA $26.81"
    )


def test_number_that_was_unknown_is_not_said_to_have_been_told() -> None:
    known = {name: value for name, value in BEFORE.items() if name == "external_cost"}
    history = {DAY: LastReport(AT, "incomplete", known)}
    assert list(restatements(DAY, "complete", {DAY.isoformat(): BEFORE}, history).lines) == [
        "Replaces the incomplete report of Nov 18, 7:00 AM EST: CPA unknown \u2192 $26.81, "
        "conversions unknown \u2192 47, cost unknown \u2192 $1,260.00."
    ]


def test_day_that_lost_all_conversions_has_no_cpa_any_more() -> None:
    none = {"internal_conversions": "0", "external_conversions": "0"}
    assert said(none)[0].split(": ", 1)[1].startswith("CPA $26.81 \u2192 none, conversions 47")


def test_older_incomplete_day_is_not_called_corrected_by_a_report_of_another_day() -> None:
    assert said({}, edition="incomplete", day=YESTERDAY) == []


def test_many_changed_days_do_not_flood_the_message() -> None:
    days = [DAY - timedelta(days=back) for back in range(10)]
    history = {day: LastReport(AT, "complete", BEFORE) for day in days}
    now = {day.isoformat(): {**BEFORE, "internal_cost": "1"} for day in days}
    lines = restatements(DAY, "complete", now, history).lines
    assert len(lines) == 6
    assert lines[0].startswith("Wed, Nov 18")
    assert lines[-1] == "5 earlier days have changed as well."


def test_a_day_never_reported_is_not_called_changed(marts: Marts) -> None:
    marts.load(Day(), Day((Affiliate("Blue Bench", 1, "5.00"),), YESTERDAY))
    rows = read_rows(registry.find("daily_ccw"), client("713"), DAY)
    subject = Subject("daily_ccw", "CCW daily", "713", "CCW", DAY)
    context = daily.build(subject, rows, {YESTERDAY: LastReport(AT, "complete", BEFORE)})
    assert set(context.reported) == {"2026-11-17", "2026-11-18"}
    assert len(context.changes) == 1
    assert compose("daily_ccw", "713", DAY).context.changes == ()
