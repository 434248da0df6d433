"""Numbers: no floats, no lost digits, and zero is different from missing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ingest.columns import DATE_TYPE, MONEY_TYPE, count, money
from ingest.model import ControlTotal, Pull, Row, Window
from ingest.table_rows import TableRows
from signalroom.errors import AnswerError

FIRST = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        (Decimal("412.37000000000006"), Decimal("412.37000000000006")),
        (Decimal("0.1"), Decimal("0.1")),
        ("0.508", Decimal("0.508")),
        (0, Decimal(0)),
        (-5, Decimal(-5)),
        (Decimal("1E-20"), Decimal(0)),
        (None, None),
        ("", None),
        (True, None),
    ],
)
def test_money_keeps_every_digit_and_missing_stays_missing(
    given: object, exact: Decimal | None
) -> None:
    assert money(given) == exact


@pytest.mark.parametrize("given", ["12,50", "NaN", "Infinity", "abc", Decimal("1E+25")])
def test_what_is_no_amount_fails_loudly(given: object) -> None:
    with pytest.raises(AnswerError):
        money(given)


def test_a_count_with_a_fraction_fails_loudly() -> None:
    assert count(Decimal("5.0")) == 5
    assert count("0") == 0
    with pytest.raises(AnswerError):
        count(Decimal("5.5"))


def totals_of(rows: list[Row], days: list[date] | None = None) -> list[ControlTotal]:
    now = datetime(2026, 11, 3, tzinfo=UTC)
    pull = Pull("713", Window(FIRST, FIRST), now, ("daily_stats",), source="everflow")
    kinds = {"date": DATE_TYPE, "cost": MONEY_TYPE, "a": MONEY_TYPE}
    taken = TableRows(pull, "daily_stats", kinds, measures=["cost"], covered=days)
    assert sum(len(table) for table in taken.tables(rows, {})) == len(rows)
    return taken.totals()


def digest(rows: list[Row]) -> str:
    return totals_of(rows)[0].digest


def test_a_digest_ignores_order_and_notation_but_no_value() -> None:
    one: list[Row] = [{"a": Decimal("1.50"), "b": None}, {"a": Decimal(2), "b": "x"}]
    same: list[Row] = [{"a": Decimal("2.0"), "b": "x"}, {"a": Decimal("1.5"), "b": None}]
    other = [{"a": Decimal("1.50"), "b": 0}, {"a": Decimal(2), "b": "x"}]
    assert digest(one) == digest(same) != digest(other)


def test_a_day_that_came_back_empty_has_totals_of_zero() -> None:
    rows = [{"date": date(2026, 11, 1), "cost": Decimal("1.5")}]
    empty, full = date(2026, 11, 2), date(2026, 11, 1)
    totals = {total.day: total for total in totals_of(rows, [full, empty])}
    assert totals[full].totals == {"rows": 1, "cost": Decimal("1.5")}
    assert totals[empty].totals == {"rows": 0, "cost": Decimal(0)}
