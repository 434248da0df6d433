"""Lists longer than one answer that change while they are read: no row is lost or doubled."""

from __future__ import annotations

from typing import Any

import pytest

from ingest import registry
from ingest.model import Window
from sandbox import Agency
from signalroom.errors import AnswerError
from tests.ingest.reading import extract, plain, pull_of, rows_of
from tests.ingest.redtrack.conftest import DAYS, Land, Read, spend
from tests.support.vendor import Request

SOURCE = registry.source("redtrack")


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
