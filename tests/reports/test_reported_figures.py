"""Each message must keep its figures, exact and with keys, so that they can be explained later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from reports import Rendered, compose
from reports.delivery.deliver import deliver
from reports.delivery.outbox import FIGURES, Outbox
from reports.explain.history import MappingFile, reported, sent
from reports.explain.question import Question
from signalroom import clients, run_database
from tests.reports.conftest import Compose
from tests.reports.post import Post
from tests.reports.test_weekly_expected import REPORTS as WEEKLY
from tests.reports.test_weekly_page import fill
from tests.reports.weeks_world import WeekMarts
from tests.reports.world import DAY, Affiliate, Day

OWN = {"date": "2026-11-18", "advertiser_id": "1", "brand": "CCW"}


def values(rendered: Rendered) -> dict[tuple[str, frozenset[tuple[str, str]]], str]:
    found = {(one.metric, frozenset(one.keys.items())): one.text for one in rendered.figures}
    assert len(found) == len(rendered.figures), "two figures of one metric and the same keys"
    return found


def key(metric: str, **keys: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return metric, frozenset({**OWN, **keys}.items())


def test_daily_message_keeps_each_of_its_numbers_unrounded(report: Compose) -> None:
    found = values(report())
    assert found[key("conversions")] == "47"
    assert Decimal(found[key("cost")]) == 1260
    assert Decimal(found[key("cpa")]) * 47 - 1260 < Decimal("1e-60")
    assert Decimal(found[key("cost", group="internal")]) == 900
    assert Decimal(found[key("cost", group="external")]) == 360
    assert Decimal(found[key("cost", affiliate="G2 - Meta")]) == 600
    assert found[key("conversions", affiliate="AC Email")] == "3"
    assert Decimal(found[key("unmapped_cost")]) == Decimal("342.25")
    unmapped = key("unmapped_cost", group="unmapped", affiliate="Unmapped: Facebook CTI")
    assert Decimal(found[unmapped]) == Decimal("310.25")
    assert key("cost", affiliate="G2 - Google") not in found, "an unknown number is no figure"


def test_parts_of_a_cent_are_kept_where_the_message_rounds(report: Compose) -> None:
    rendered = report(Affiliate("A", 3, "10.004"), Affiliate("B", 1, "0.004999"))
    assert "$10.01" in rendered.messages["email"]["text"]
    found = values(rendered)
    assert Decimal(found[key("cost")]) == Decimal("10.008999")
    assert Decimal(found[key("cost", affiliate="A")]) == Decimal("10.004")


def test_affiliates_beyond_the_tenth_are_kept_as_they_were_shown(report: Compose) -> None:
    rendered = report(*(Affiliate(f"Affiliate {at}", 30 - at, "1") for at in range(13)))
    found = values(rendered)
    assert found[key("conversions", others="3 others")] == str(20 + 19 + 18)


def test_figures_are_as_of_the_moment_before_the_rows_were_read(report: Compose) -> None:
    assert report().as_of == datetime(2026, 11, 19, 14, 30, tzinfo=UTC)


def test_only_delivered_messages_count_as_reported(post: Post) -> None:
    post.marts.load(Day())
    rendered = compose("daily_ccw", "713", DAY)
    with Outbox() as outbox:
        assert outbox.reported("713", "cost", OWN) == []
    deliver(rendered)
    with Outbox() as outbox:
        found = outbox.reported("713", "cost", OWN)
        assert outbox.reported("cti", "cost", OWN) == []
    assert {one.channel for one in found} == {"slack", "email", "sms"}
    total = [one for one in found if one.keys == OWN and one.channel == "slack"]
    assert [(Decimal(one.value), one.as_of) for one in total] == [(1260, rendered.as_of)]
    assert total[0].sent_at == rendered.as_of, "business time, as everything that is reported"


def test_message_that_is_not_sent_leaves_its_figures_uncounted(post: Post) -> None:
    post.marts.load(Day())
    post.agency.faults.plan("slack", "ok_false", match="chat.postMessage", error="not_in_channel")
    deliver(compose("daily_ccw", "713", DAY, ["slack"]))
    engine = run_database.prepared_engine()
    with engine.begin() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(FIGURES)).scalar_one() > 20
    engine.dispose()
    with Outbox() as outbox:
        assert outbox.reported("713", "cost", OWN) == []


def test_day_that_a_later_message_says_has_changed_is_reported_by_that_message(post: Post) -> None:
    yesterday = DAY - timedelta(days=1)
    post.marts.load(Day(), Day((Affiliate("A", 4, "8"),), yesterday))
    deliver(compose("daily_ccw", "713", yesterday, ["slack"]))
    post.marts.load(Day((Affiliate("A", 5, "9"),), yesterday))
    deliver(compose("daily_ccw", "713", DAY, ["slack"]))
    of = {**OWN, "date": yesterday.isoformat()}
    with Outbox() as outbox:
        found = outbox.reported("713", "cost", of)
    whole = [one for one in found if "affiliate" not in one.keys and "group" not in one.keys]
    assert [(one.keys.get("shown"), Decimal(one.value)) for one in whole] == [
        (None, 8),
        ("changed", 9),
    ]
    # and `signalroom explain` names both messages, but no figures of parts
    question = Question(clients.client("713"), yesterday, "cost", brand="CCW")
    told = sent(question, 1, reported("713", yesterday, "cost"))
    assert [(one["report"], Decimal(one["value"])) for one in told] == [
        ("daily_ccw", 8),
        ("daily_ccw", 9),
    ]


@pytest.mark.parametrize("name", WEEKLY)
def test_weekly_messages_keep_their_numbers(weeks: WeekMarts, name: str) -> None:
    fill(weeks, "normal")
    rendered = compose(name, "713", WEEKLY[name])
    found = values(rendered)
    assert len(found) > 20
    week = rendered.context.week.first_day.isoformat()
    totals = [one for one in rendered.figures if set(one.keys) <= {"week", "brand"}]
    assert {one.keys["week"] for one in totals} >= {week}


def test_a_line_is_as_of_the_version_that_brought_it() -> None:
    file = MappingFile(
        [
            {"version": "c4", "content": "head\nA,1\nB,2\n"},
            {"version": "c3", "content": "head\nA,1\nB,9\n"},
            {"version": "c2", "content": "head\nZ,3\nA,1\n"},
            {"version": "c1", "content": "head\n"},
        ]
    )
    assert [file.commit(line) for line in (2, 3, 1, 9, None)] == ["c2", "c4", "c1", "c4", "c4"]
    assert MappingFile([]).commit(2) is None
