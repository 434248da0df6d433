"""Lists longer than one answer that change while they are read: no row is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import tenacity

from ingest import dead_letters, registry
from ingest import pull as pipeline
from ingest.http import RateLimit
from ingest.model import Window
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.reading import Landed, extract, plain, pull_of, rows_of
from tests.support.vendor import Answer, Request, scripted_vendor
from tests.support.warehouse import DUCKDB_FIRST, Warehouse

SOURCE = registry.source("redtrack")
DAYS = Window(date(2026, 11, 8), date(2026, 11, 10))
Rows = list[dict[str, Any]]
Read = Callable[..., Rows]
Land = Callable[..., Landed]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = RateLimit(calls=1000, seconds=1.0)
    monkeypatch.setattr("ingest.sources.redtrack.client.RATE_LIMIT", limit)
    monkeypatch.setattr("ingest.sources.redtrack.client.PATH_LIMITS", {})
    monkeypatch.setattr("ingest.http._backoff", tenacity.wait_none())


@pytest.fixture
def own_agency(start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch) -> Agency:
    """An agency whose caps and quirks the test may change."""
    agency = start_agency()
    agency.caps.redtrack_reports_per_minute = 10_000
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return agency


@pytest.fixture
def land(monkeypatch: pytest.MonkeyPatch) -> Land:
    """Read a table from an account with these rows by path, which answers page by page.

    `shift` moves each page after the first, unless an order was requested. `ceiling` is the largest
    number of rows in one answer.
    """

    def run(
        rows: dict[str, Any],
        table: str,
        window: Window = DAYS,
        ceiling: int = 10_000,
        shift: int = 0,
    ) -> Landed:
        def give(request: Request) -> Answer:
            if request.path not in rows:
                return Answer({"error": "not found"}, status=404)
            found = rows[request.path]
            if callable(found):
                return Answer(found(request))
            asked = request.query
            if request.path == "/report":
                found = [r for r in found if asked["date_from"] <= r["date"] <= asked["date_to"]]
            page, per = int(asked["page"]), min(int(asked["per"]), ceiling)
            start = (page - 1) * per
            if page > 1 and "sortby" not in asked:
                start += shift
            return Answer(found[start : start + per])

        with scripted_vendor(give) as vendor:
            monkeypatch.setenv("REDTRACK_API_KEY", "key")
            monkeypatch.setenv("REDTRACK_BASE_URL", vendor.url)
            monkeypatch.setenv("SIGNALROOM_NOW", "2026-11-19T09:30:00-05:00")
            pull = pull_of("redtrack", window=window, resources=(table,))
            return extract(pull, "redtrack")[table]

    return run


@pytest.fixture
def read(land: Land) -> Read:
    """Like `land`, but returns the table's rows alone."""
    return lambda *given, **named: rows_of(land(*given, **named))


def spend(days: int, sources: int, first: date = DAYS.start) -> Rows:
    """Rows of a report by date and source."""
    return [
        {"date": (first + timedelta(days=day)).isoformat(), "source": f"S{one}",
         "source_id": f"s{one}", "cost": 1.5, "clicks": 1}
        for day in range(days)
        for one in range(sources)
    ]  # fmt: skip


@pytest.mark.parametrize("shift", [1, -1])
@pytest.mark.parametrize("count", [999, 1000, 1001, 2345])
def test_a_moving_list_of_more_than_a_thousand_is_whole(read: Read, count: int, shift: int) -> None:
    listed = [{"id": f"c{number}"} for number in range(count)]
    found = read({"/campaigns": listed}, "campaigns", shift=shift)
    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in listed)


@pytest.mark.parametrize("deleted", [1, 2])
@pytest.mark.parametrize("table", ["sources", "daily_spend"])
@pytest.mark.parametrize(("count", "ceiling"), [(1001, 1000), (12, 11), (301, 300)])
def test_a_row_that_moves_onto_the_only_page_is_not_lost(
    land: Land, table: str, count: int, ceiling: int, deleted: int
) -> None:
    """Rows are deleted after the first page; then the second page is empty."""
    rows = [
        {"id": f"s{one}", "date": "2026-11-08", "source_id": f"s{one}", "cost": 1}
        for one in range(count)
    ]

    def give(request: Request) -> Any:
        if request.path == "/sources" and table != "sources":
            return []
        page, per = int(request.query["page"]), min(int(request.query["per"]), ceiling)
        found = rows[(page - 1) * per : page * per]
        if len(rows) == count:
            del rows[:deleted]
        return found

    landed = land({"/report": give, "/sources": give}, table, Window(DAYS.start, DAYS.start))
    found = {row["id" if table == "sources" else "source_id"] for row in rows_of(landed)}
    assert {row["id"] for row in rows} <= found


@pytest.mark.parametrize("shift", [1, -1])
def test_spend_of_more_rows_than_a_page_is_asked_in_smaller_windows(read: Read, shift: int) -> None:
    """1,050 rows of three days; then one day longer than a page, in a stable order."""
    rows = spend(3, 350)
    found = read({"/report": rows}, "daily_spend", shift=shift)
    assert len({(row["date"], row["source_id"]) for row in found}) == len(found) == 1050
    found = read(
        {"/report": spend(1, 1100)}, "daily_spend", Window(DAYS.start, DAYS.start), shift=shift
    )
    assert len({row["source_id"] for row in found}) == len(found) == 1100


@pytest.mark.parametrize("ceiling", [500, 40, 7])
def test_a_ceiling_below_what_was_asked_ends_no_report_early(read: Read, ceiling: int) -> None:
    found = read({"/report": spend(3, 20)}, "daily_spend", ceiling=ceiling)
    assert len({(row["date"], row["source_id"]) for row in found}) == len(found) == 60


@pytest.mark.parametrize("shift", [0, 1])
def test_a_ceiling_below_what_was_asked_ends_no_list_early(read: Read, shift: int) -> None:
    listed = [{"id": f"s{number}"} for number in range(55)]
    assert len(read({"/sources": listed}, "sources", ceiling=20, shift=shift)) == 55


@pytest.mark.parametrize("envelope", ["total", "no total", "bare", "null total"])
def test_conversions_are_whole_whatever_counts_them(read: Read, envelope: str) -> None:
    every = [{"id": f"v{number}", "conv_time": "2026-11-09T15:00:00Z"} for number in range(57)]

    def give(request: Request) -> Any:
        page, per = int(request.query["page"]), min(int(request.query["per"]), 25)
        found = every[(page - 1) * per : page * per]
        if envelope == "bare":
            return found
        counted: dict[str, dict[str, Any]] = {
            "total": {"total": 57}, "null total": {"total": None}
        }  # fmt: skip
        return {"items": found or None, **counted.get(envelope, {})}

    assert len(read({"/conversions": give}, "conversions")) == 57


@pytest.mark.parametrize("page", [5, 12])  # of 13 sources
def test_the_simulated_account_moves_and_nothing_is_lost(own_agency: Agency, page: int) -> None:
    own_agency.quirks.redtrack_rows_move = True
    own_agency.quirks.page_totals = {"redtrack"}
    own_agency.caps.redtrack_page = 11
    own_agency.caps.redtrack_list_page = page
    own_agency.caps.redtrack_conversions_page = 20
    found = extract(pull_of("redtrack", window=DAYS), "redtrack")
    truth = own_agency.truth("713", DAYS.start, DAYS.end)
    columns = ["date", "source_id", "cost"]
    assert plain(rows_of(found["daily_spend"]), columns) == plain(truth.daily_spend, columns)
    assert {row["id"] for row in rows_of(found["sources"])} == {row["id"] for row in truth.sources}
    ids = [row["id"] for row in rows_of(found["conversions"])]
    assert sorted(ids) == sorted(row["id"] for row in truth.redtrack_conversions)


def test_the_plan_counts_what_the_pull_asks(own_agency: Agency) -> None:
    pull = pull_of("redtrack", window=DAYS)
    extract(pull, "redtrack")
    assert SOURCE.plan(pull).requests == len(own_agency.requests)


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


@pytest.mark.parametrize("table", ["daily_spend", "campaign_spend"])
def test_two_rows_without_an_id_on_one_day_are_refused(read: Read, table: str) -> None:
    """Deleted sources; to the models both are the same one, and every client's build would fail."""
    rows = [{**row, "source_id": "", "source": f"S{n}"} for n, row in enumerate(spend(1, 2))]
    with pytest.raises(AnswerError, match=r"two rows of date 20[0-9-]+, source_id None"):
        read({"/report": rows}, table)
    rows[1]["date"] = "2026-11-10"
    assert len(read({"/report": rows}, table)) == 2


@pytest.mark.parametrize("cost", [None, 7])
def test_two_rows_of_one_source_and_day_are_refused(read: Read, cost: int | None) -> None:
    """The spend would count twice, and the test of the grain would fail every client's build."""
    rows = spend(2, 3)
    rows.append({**rows[1], **({"cost": cost} if cost else {})})
    with pytest.raises(AnswerError, match=r"two rows of date 20[0-9-]+, source_id s[0-9]; nothing"):
        read({"/report": rows}, "daily_spend")


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


@pytest.mark.parametrize("total", [-1, "page"])
def test_a_total_that_counts_no_list_ends_none(
    read: Read, monkeypatch: pytest.MonkeyPatch, total: Any
) -> None:
    monkeypatch.setattr("ingest.sources.redtrack.client.CONVERSION_PAGE_SIZES", (20, 13, 9))
    every = [{"id": f"v{number}", "conv_time": "2026-11-09T15:00:00Z"} for number in range(57)]

    def give(request: Request) -> Any:
        page, per = int(request.query["page"]), int(request.query["per"])
        found = every[(page - 1) * per : page * per]
        return {"items": found, "total": len(found) if total == "page" else total}

    assert len(read({"/conversions": give}, "conversions")) == 57


def test_a_full_page_that_comes_again_is_no_end(read: Read) -> None:
    """The vendor ignores the page number and answers with 1,000 of its 1,050 rows of three days."""
    rows = spend(3, 350)

    def give(request: Request) -> Any:
        asked = request.query
        found = [r for r in rows if asked["date_from"] <= r["date"] <= asked["date_to"]]
        return found[: int(asked["per"])]

    assert len(read({"/report": give, "/sources": []}, "daily_spend")) == 1050


@pytest.mark.parametrize("count", [1100, 350], ids=["page", "window"])
def test_a_cost_that_only_one_answer_lacks_is_no_zero(read: Read, count: int) -> None:
    """A vendor that renames the cost between two requests of one pull."""
    rows = spend(3, count)
    renamed = rows[1000:1100] if count > 1000 else rows[700:]
    for row in renamed:
        row["spend"] = row.pop("cost")
    days = Window(DAYS.start, DAYS.start) if count > 1000 else DAYS
    with pytest.raises(AnswerError, match=r"no cost in [0-9]+ rows; the vendor"):
        read({"/report": rows}, "daily_spend", days)


@pytest.mark.parametrize("where", ["page", "window"])
def test_a_few_rows_without_cost_are_no_measure_that_is_gone(read: Read, where: str) -> None:
    """Sources without cost, alone on the last page or in the last requested window."""
    last = DAYS.end if where == "window" else DAYS.start
    days = Window(DAYS.start, last)
    rows = spend(2 if where == "window" else 1, 500 if where == "window" else 1000)
    rows += [{**row, "source_id": f"free {row['source_id']}"} for row in spend(1, 3, last)]
    for row in rows[1000:]:
        del row["cost"]
    assert len(read({"/report": rows, "/sources": []}, "daily_spend", days)) == 1003


def test_a_cost_under_another_name_in_a_single_row_is_no_zero(read: Read) -> None:
    rows = spend(3, 4)
    rows[5]["spend"] = rows[5].pop("cost")
    with pytest.raises(AnswerError, match=r"no cost in 1 row; .* and gives spend instead"):
        read({"/report": rows, "/sources": []}, "daily_spend")
