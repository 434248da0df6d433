"""The anomaly rules: no alarms on noise and short history, alarms on faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reports.alerts import policy
from reports.alerts.rules.history import (
    History,
    Line,
    LineDay,
    TableDay,
    Usual,
    chance_of_so_few,
)
from reports.alerts.rules.judge import as_known
from reports.alerts.rules.rules import RULES, Finding, judge
from sandbox.agency import DEFAULT_SEED
from signalroom import clock
from signalroom.errors import ConfigurationError
from tests.reports import backtests

DAY = date(2026, 11, 18)
META = Line("713", 1, "SB - Meta", is_internal=True)
BENCH = Line("713", 1, "Blue Bench")
STRAY = Line("713", None, "Unmapped: New", is_unmapped=True)


Given = tuple[int, str, int | None]  # conversions, cost, RedTrack's own conversions


def history(
    weeks: int = 8, *, meta: Given = (20, "560", 19), bench: Given = (30, "900", None)
) -> History:
    """Even days of two lines; `given` are the figures of META and BENCH on the last day."""
    found = History("713")
    usual: dict[Line, Given] = {META: (20, "560", 19), BENCH: (30, "900", None)}
    for back in range(weeks * 7 + 1):
        days = usual if back else {META: meta, BENCH: bench}
        for line, (count, cost, tracked) in days.items():
            day = DAY - timedelta(days=back)
            found.add([LineDay(line, day, count, Decimal(cost), tracked)])
    return found


def fired(found: History) -> list[str]:
    return [rule for rule in RULES if judge(rule, found, DAY, policy.thresholds(rule))]


def one(rule: str, found: History) -> Finding:
    [finding] = judge(rule, found, DAY, policy.thresholds(rule))
    return finding


def test_even_days_are_alarming() -> None:
    assert fired(history()) == []


@pytest.mark.parametrize(
    ("rule", "last", "amount", "words"),
    [
        ("spend_without_conversions", {"meta": (0, "560", 0)}, "560.00",
         "SB - Meta spent $560.00 and brought no conversions; usually 20."),
        ("conversions_without_spend", {"meta": (20, "0", 19)}, "560.00",
         "SB - Meta brought 20 conversions and RedTrack shows no spend; usually $560.00."),
        ("cpa", {"meta": (20, "1680", 19)}, "1120.00",
         "SB - Meta has a CPA of $84.00; usually $28.00."),
        ("cpa", {"bench": (30, "1350", None)}, "450.00",
         "Blue Bench has a CPA of $45.00; usually $30.00."),
        ("volume", {"meta": (4, "112", 4)}, "448.00",
         "SB - Meta brought 4 conversions; usually 20."),
        ("drift", {"meta": (20, "560", 4)}, "420.00",
         "SB - Meta: Everflow counts 20 conversions, RedTrack 4; usually 19 of these."),
    ],
)  # fmt: skip
def test_a_fault_is_not_found_or_is_called_something_else(
    rule: str, last: Mapping[str, Given], amount: str, words: str
) -> None:
    found = one(rule, history(8, **last))
    assert (str(found.amount), found.words) == (amount, words)


def test_a_day_of_nothing_is_not_named_after_its_vendor() -> None:
    found = history(meta=(0, "0", None), bench=(0, "0", None))
    these = judge("zero_rows", found, DAY, policy.thresholds("zero_rows"))
    assert [one.subject for one in these] == ["Everflow", "RedTrack"]


def test_a_gap_is_told_below_its_least_amount() -> None:
    found = history()
    found.add([LineDay(STRAY, DAY, 0, Decimal("99.99"))])
    assert fired(found) == []
    found.add([LineDay(STRAY, DAY, 0, Decimal("100"))])
    assert fired(found) == ["mapping_gap"]


def test_a_rule_speaks_before_it_knows_four_same_weekdays() -> None:
    assert fired(history(weeks=3, meta=(0, "560", 0))) == []
    assert "spend_without_conversions" in fired(history(weeks=4, meta=(0, "560", 0)))


def test_a_day_of_an_incident_is_what_is_usual() -> None:
    found = history()
    weeks = [DAY - timedelta(weeks=back) for back in range(1, 9)]
    broken = weeks[:3]
    for day in broken:
        found.add([LineDay(META, day, 0, Decimal("560"), 0)])
    found.leave_out(META, broken)
    usual = Usual.of(found.like(META, DAY))
    assert usual is not None
    assert (len(found.like(META, DAY)), usual.conversions) == (5, 20)
    found.leave_out(None, weeks[3:5])
    assert Usual.of(found.like(META, DAY)) is None, "three are left"


def test_a_holiday_is_an_affiliates_fault() -> None:
    """All lines bring half: a line is judged relative to the others."""
    found = history()
    for number in range(6):
        line = Line("713", 2, f"Other {number}")
        for back in range(57):
            day = DAY - timedelta(days=back)
            found.add([LineDay(line, day, 10 if back == 0 else 20, Decimal("300"))])
    for line in (META, BENCH):
        found.add([LineDay(line, DAY, 8, Decimal("300"), 8)])
    assert "volume" not in fired(found)


def line_of(usual: Given, *last: Given) -> History:
    """Only META: nine weeks of usual days, then these."""
    found = History("713")
    for back in range(9 * 7):
        count, cost, tracked = last[-1 - back] if back < len(last) else usual
        day = DAY - timedelta(days=back)
        found.add([LineDay(META, day, count, Decimal(cost), tracked)])
    return found


@pytest.mark.parametrize(
    ("rule", "usual", "last", "words"),
    [
        ("spend_without_conversions", (4, "120", 4), [(0, "120", 0)] * 2,
         "SB - Meta spent $240.00 and brought no conversions; usually 8."),
        ("conversions_without_spend", (2, "60", 2), [(1, "0", 0)] * 2,
         "SB - Meta brought 2 conversions and RedTrack shows no spend; usually $120.00."),
        ("drift", (6, "180", 6), [(6, "180", 2)] * 2,
         "SB - Meta: Everflow counts 12 conversions, RedTrack 4; usually 12 of these."),
        ("volume", (3, "90", 3), [(0, "18", 0)] * 2,
         "SB - Meta brought 0 conversions; usually 6."),
        ("volume", (2, "120", 2), [(0, "0", 0)], "SB - Meta brought 0 conversions; usually 2."),
        ("volume", (4, "240", 4), [(4, "40", 4)],
         "SB - Meta spent $40.00; usually $240.00."),
    ],
)  # fmt: skip
def test_fault_of_a_small_line_is_too_small_on_each_day_to_be_found_on_two(
    rule: str, usual: Given, last: list[Given], words: str
) -> None:
    assert one(rule, line_of(usual, *last)).words == words
    if len(last) == 2:
        assert judge(rule, line_of(usual, last[0]), DAY, policy.thresholds(rule)) == []


@pytest.mark.parametrize("whose", [META, None])
@pytest.mark.parametrize(
    ("rule", "before", "last"),
    [
        ("volume", (0, "0", 0), (20, "560", 19)),
        ("drift", (20, "560", 0), (20, "560", 19)),
        ("cpa", (20, "1680", 19), (20, "560", 19)),
        ("spend_without_conversions", (0, "560", 0), (0, "99", 0)),
    ],
)
def test_day_after_a_fault_or_an_incomplete_day_is_judged_with_it(
    rule: str, before: Given, last: Given, whose: Line | None
) -> None:
    found = line_of((20, "560", 19), before, last)
    assert one(rule, found), "two days of one fault are judged together"
    found.leave_out(whose, [DAY - timedelta(days=1)])
    assert judge(rule, found, DAY, policy.thresholds(rule)) == []


def told(rule: str, found: History, line: Line, days: Iterable[int]) -> list[int]:
    """Days after DAY on which a rule reports a line; each is then excluded from what is usual."""
    spoken = []
    for ahead in days:
        day = DAY + timedelta(days=ahead)
        these = judge(rule, found, day, policy.thresholds(rule))
        if line in {one.line for one in these}:
            found.leave_out(line, [day])
            spoken.append(ahead)
    return spoken


def goes_on(found: History, days: Iterable[int], meta: Given, bench: Given) -> None:
    for ahead in days:
        for line, (count, cost, tracked) in {META: meta, BENCH: bench}.items():
            day = DAY + timedelta(days=ahead)
            found.add([LineDay(line, day, count, Decimal(cost), tracked)])


USUALLY: Mapping[Line, Given] = {META: (20, "560", 19), BENCH: (30, "900", None)}
NOTHING: Given = (0, "0", None)


def stopped(line: Line, days: range) -> History:
    """Even weeks after which a line stops for these days, while the other one continues."""
    found = history()
    given = {**USUALLY, line: NOTHING}
    goes_on(found, days, given[META], given[BENCH])
    return found


@pytest.mark.parametrize(("line", "first"), [(META, 1), (BENCH, 2)])
def test_line_that_stops_for_good_is_told_each_day_or_never(line: Line, first: int) -> None:
    found = stopped(line, range(1, 64))
    found.leave_out(None, [DAY + timedelta(days=3)])
    assert told("volume", found, line, [1, 2, *range(4, 64)]) == [first]
    late = stopped(line, range(1, 64))
    assert told("volume", late, line, range(5, 64)) == [5], "four days were not judged"


@pytest.mark.parametrize(("line", "first"), [(META, 1), (BENCH, 2)])
def test_line_that_stops_again_is_overseen(line: Line, first: int) -> None:
    found = stopped(line, range(1, 4))
    goes_on(found, range(4, 11), USUALLY[META], USUALLY[BENCH])
    given = {**USUALLY, line: NOTHING}
    goes_on(found, range(11, 15), given[META], given[BENCH])
    assert told("volume", found, line, range(1, 15)) == [first, first + 10]


def test_line_that_goes_on_after_a_pause_is_alarming_or_may_lose_its_token() -> None:
    found = stopped(META, range(1, 25))
    assert told("volume", found, META, range(1, 25)) == [1]
    goes_on(found, range(25, 34), USUALLY[META], USUALLY[BENCH])
    for rule in RULES:
        assert told(rule, found, META, range(25, 34)) == [], rule
    goes_on(found, [34], (20, "0", 19), USUALLY[BENCH])
    assert told("conversions_without_spend", found, META, range(25, 35)) == [34]


def test_line_that_grew_last_week_may_fall_unseen_or_is_dear_for_good() -> None:
    """A campaign launched ten days ago: half of the usual is a quarter of its recent volume."""
    usual, grown = (20, "560", 19), (40, "1120", 38)
    fallen = line_of(usual, *[grown] * 9, (9, "250", 9))
    assert one("volume", fallen).words == "SB - Meta brought 9 conversions; usually 20."
    dearer = line_of(usual, *[grown] * 9, (22, "1120", 21))
    assert judge("cpa", dearer, DAY, policy.thresholds("cpa")) == []


def test_chance_is_that_of_counts_which_vary_too_little() -> None:
    assert chance_of_so_few(0, 14) == pytest.approx(3.6 ** (-14 / 2.6))
    assert chance_of_so_few(100, 14) == pytest.approx(1.0)
    assert chance_of_so_few(3, 0) == 1.0


def test_a_young_day_is_compared_with_old_ones() -> None:
    """For last week's day, the version that was current when it was as old as yesterday is now."""
    day = date(2026, 11, 11)
    begin = clock.midnight(day)

    def version(count: int, hours: float, until: float | None) -> dict[str, object]:
        known_to = None if until is None else begin + timedelta(hours=until)
        return {
            "_client_id": "713", "date": day, "advertiser_id": 1, "affiliate_label": "SB - Meta",
            "conversions": count, "known_from": begin + timedelta(hours=hours),
            "known_to": known_to,
        }  # fmt: skip

    ledger = [version(10, 12, 31), version(14, 31, 80), version(17, 80, None)]

    def known(hours: float, rows: list[dict[str, object]]) -> list[object]:
        return [row["conversions"] for row in as_known(rows, timedelta(hours=hours))]

    assert known(32, ledger) == [14]
    assert known(20, ledger) == [10]
    assert known(1, ledger) == [10], "the ledger is younger than that"
    assert known(32, ledger[:1]) == [], "the row had vanished by then"


USUAL = TableDay(40, {"sub5": 40, "coupon": 10}, {"sub5": "text", "coupon": "text"})


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (USUAL, None),
        (TableDay(0, {}, USUAL.types), None),  # no rows: zero_rows reports that
        (TableDay(40, {"sub5": 40}, USUAL.types), "coupon is empty"),
        (TableDay(9, {"sub5": 9}, USUAL.types), None),  # nine of 40 rows have none by chance
        (TableDay(40, {"coupon": 10}, USUAL.types), "sub5 is empty"),
        (TableDay(40, {"sub_5": 40, "coupon": 10}, {**USUAL.types, "sub_5": "text"}),
         "sub5 is sub_5 now"),
        (TableDay(40, USUAL.filled, {**USUAL.types, "browser": "text"}), "browser is new"),
        (TableDay(40, USUAL.filled, {**USUAL.types, "coupon": "bigint"}),
         "coupon is bigint now and was text"),
    ],
)  # fmt: skip
def test_schema_that_changed_is_overseen_or_made_up(last: TableDay, said: str | None) -> None:
    days = {DAY - timedelta(days=back): USUAL for back in range(1, 60)}
    found = History("713", {"everflow.conversions": {**days, DAY: last}})
    expected = [f"Columns of everflow.conversions changed: {said}."] if said else []
    these = judge("schema", found, DAY, policy.thresholds("schema"))
    assert [one.words for one in these] == expected
    after = {**days, DAY: last, DAY + timedelta(days=1): last}
    found = History("713", {"everflow.conversions": after})
    later = judge("schema", found, DAY + timedelta(days=1), policy.thresholds("schema"))
    assert later == [], "told once"
    young = {day: one for day, one in after.items() if day > DAY - timedelta(weeks=4)}
    found = History("713", {"everflow.conversions": young})
    assert judge("schema", found, DAY, policy.thresholds("schema")) == []


def test_thresholds_are_not_data(tmp_path: Path) -> None:
    assert set(policy.RULES) == {*RULES, "budget"}
    assert {rule: policy.thresholds(rule) for rule in policy.RULES} == policy.RULES
    assert policy.minimum("mapping_gap") == Decimal(100)
    changed = tmp_path / "alerts.yml"
    written = policy.FILE.read_text()
    changed.write_text(written.replace("deviations: 4}", "deviations: four}"))
    with pytest.raises(ConfigurationError, match=r"rules, drift: deviations is 'four'; write a"):
        policy.thresholds("drift", changed)


def test_an_agency_of_noise_is_alarming_or_a_planted_fault_is_missed() -> None:
    """One agency that was not used for tuning; `make backtest` judges twenty."""
    result = backtests.run([41], days=28, each=1)
    assert sum(result.alarms.values()) <= 4, result.alarms
    assert sum(result.planted.values()) >= 12
    assert len(result.missed) <= 1, result.missed


def test_a_demo_opens_with_warnings() -> None:
    """What `make run` and `signalroom demo` show must cause no alert, on any day they run."""
    days = 7
    _, histories = backtests.agency(DEFAULT_SEED, days, "demo")
    for history in histories.values():
        for back in range(days):
            day = backtests.LAST - timedelta(days=back)
            for rule in RULES:
                assert judge(rule, history, day, policy.thresholds(rule)) == [], day


@pytest.mark.deep
def test_figures_of_the_docs_are_not_those_of_the_rules() -> None:
    result = backtests.run(backtests.REPORTED)
    _, high = backtests.poisson_interval(sum(result.alarms.values()))
    assert high / result.weeks < 1, "false alarms a week"
    assert result.missed == []
    docs = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
    for line in backtests.table(result).splitlines():
        assert line in docs
