"""Spend and conversions in another currency than dollars: refused, or kept aside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ingest import dead_letters, registry
from ingest import pull as pipeline
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.reading import extract, pull_of, rows_of
from tests.ingest.redtrack.conftest import DAYS, Land, Read, spend
from tests.support.vendor import Answer, scripted_vendor
from tests.support.warehouse import DUCKDB_FIRST, Warehouse

SOURCE = registry.source("redtrack")


def test_an_account_in_another_currency_is_refused(own_agency: Agency) -> None:
    own_agency.quirks.redtrack_currencies = {"713": "EUR"}
    with pytest.raises(AnswerError, match="the account is kept in EUR, not in USD; nothing was"):
        extract(pull_of("redtrack", window=DAYS, resources=("daily_spend",)), "redtrack")


def test_an_account_whose_conversions_are_all_paid_otherwise_is_refused(
    own_agency: Agency,
) -> None:
    own_agency.quirks.redtrack_conversion_currency = "EUR"
    with pytest.raises(AnswerError, match=r"each of the [0-9,]+ that pay is in EUR, none in USD"):
        extract(pull_of("redtrack", window=DAYS, resources=("conversions",)), "redtrack")


@pytest.mark.parametrize("table", ["daily_spend", "campaign_spend"])
def test_a_source_that_spent_in_another_currency_is_refused(read: Read, table: str) -> None:
    sources = [{"id": "s0", "currency": "usd"}, {"id": "s1", "currency": "eur"}]
    rows = {"/report": spend(1, 2), "/sources": sources}
    with pytest.raises(AnswerError, match="source S1 is kept in EUR, not in USD"):
        read(rows, table)
    rows["/report"][1]["cost"] = 0  # a source without spend causes no wrong amounts
    assert len(read(rows, table)) == 2


@pytest.mark.parametrize(
    ("named", "is_ours"),
    [("US Dollar", True), ("$", True), ({"code": "usd"}, True), ({"code": "EUR"}, False)],
)
def test_a_currency_is_known_in_each_of_its_forms(read: Read, named: Any, is_ours: bool) -> None:
    rows = {"/report": spend(1, 1), "/sources": [{"id": "s0", "currency": named}]}
    if is_ours:
        assert len(read(rows, "daily_spend")) == 1
    else:
        with pytest.raises(AnswerError, match="source S0 is kept in EUR"):
            read(rows, "daily_spend")


@pytest.mark.parametrize(
    "names",
    [
        "currency",
        "currency_code",
        "source_currency",
        "cost_currency",
        ("currency", "cost_currency"),
    ],
)
def test_spend_that_names_another_currency_itself_is_refused(read: Read, names: Any) -> None:
    rows = spend(1, 2)
    rows[1] |= (
        {names: "CAD"} if isinstance(names, str) else dict(zip(names, ("USD", "CAD"), strict=True))
    )
    with pytest.raises(AnswerError, match="source S1 is kept in CAD, not in USD"):
        read({"/report": rows, "/sources": []}, "daily_spend")


def conversion(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"v{number}", "conv_time": "2026-11-09T15:00:00Z", "currency": "USD", **fields}


@pytest.mark.parametrize("amount", ["payout", "pub_revenue"])
def test_a_conversion_that_is_paid_in_another_currency_spoils_no_other(
    land: Land, amount: str
) -> None:
    foreign = conversion(1, currency="eur", ip="203.0.113.9", **{amount: 5})
    ours = conversion(2, payout=4, currency="", cost_currency="EUR")
    given = [conversion(0, payout=2.5), foreign, ours]
    landed = land({"/conversions": given}, "conversions")
    assert [row["id"] for row in rows_of(landed)] == ["v0", "v2"]
    [letter] = landed.dead_letters
    assert letter.partition_key == "2026-11-09"
    assert letter.reason.startswith(
        "conversion 'v1' is in EUR, not in USD; set its offer's currency"
    )
    assert "v1" in letter.payload
    assert "203.0.113.9" not in letter.payload
    [total] = [one for one in landed.totals if one.totals["rows"]]
    assert total.totals == {"rows": 2, "payout": Decimal("6.5"), "cost": 0}


@pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
def test_a_discarded_conversion_stays_discarded_until_it_can_be_loaded(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    """Each pull of its day reports it again: the alert would come back an hour later."""
    warehouse.activate(monkeypatch)
    one = conversion(1, payout=5, currency="EUR")
    given = [one, conversion(2, payout=1)]
    with scripted_vendor(lambda _: Answer({"items": given, "total": 2})) as vendor:
        monkeypatch.setenv("REDTRACK_API_KEY", "key")
        monkeypatch.setenv("REDTRACK_BASE_URL", vendor.url)

        def load() -> list[tuple[object, ...]]:
            pull = pipeline.make_pull(SOURCE, "713", window=DAYS, resources=("conversions",))
            pipeline.load(SOURCE, pull)
            return warehouse.rows("select id, payout from redtrack.conversions order by id")

        for _ in range(2):
            assert load() == [("v2", 1)]
            [letter] = dead_letters.waiting()
        dead_letters.discard([letter])
        assert load() == [("v2", 1)]
        assert dead_letters.waiting() == []
        assert warehouse.rows("select resolution from ops.dead_letters") == [("discarded",)]
        one["currency"] = "USD"
        assert load() == [("v1", 5), ("v2", 1)]


@pytest.mark.parametrize("others", [[], [conversion(2), conversion(3)]])
def test_one_conversion_in_another_currency_refuses_no_table(
    land: Land, others: list[dict[str, object]]
) -> None:
    """Even if it is the only one of a quiet account that pays."""
    landed = land(
        {"/conversions": [conversion(1, payout=5, currency="EUR"), *others]}, "conversions"
    )
    assert len(landed.dead_letters) == 1


@pytest.mark.parametrize("amount", ["payout", "pub_revenue"])
def test_conversions_that_all_pay_in_other_currencies_are_refused(land: Land, amount: str) -> None:
    """A dead letter for each would be no more than a notice."""
    given = [
        conversion(1, currency="eur", **{amount: 5}),
        conversion(2, currency="CAD"),
        conversion(3, currency="GBP", **{amount: 7}),
        conversion(4, currency=None),
    ]
    with pytest.raises(
        AnswerError, match="each of the 2 that pay is in EUR, GBP, none in USD; the"
    ):
        land({"/conversions": given}, "conversions")


@pytest.mark.parametrize("amount", ["cost", "payout"])
def test_conversions_of_an_account_in_another_currency_are_refused(land: Land, amount: str) -> None:
    rows: dict[str, Any] = {
        "/conversions": [conversion(1, **{amount: "2.5"})],
        "/me/settings": lambda _: {"currency": "EUR"},
    }
    with pytest.raises(AnswerError, match="the account is kept in EUR, not in USD; nothing was"):
        land(rows, "conversions")
    rows["/conversions"] = [conversion(1, **{amount: "0.00"})]
    assert len(rows_of(land(rows, "conversions"))) == 1


def test_the_cost_of_a_conversion_is_in_the_accounts_currency(land: Land) -> None:
    landed = land(
        {"/conversions": [conversion(1, currency="EUR", cost=3, payout=0)]}, "conversions"
    )
    assert [row["id"] for row in rows_of(landed)] == ["v1"]
    assert landed.dead_letters == []
