"""Loading rows: none doubled, none left behind, and other clients' rows untouched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import dlt
import pytest

from ingest import loads as ledger
from ingest import pull as pipeline
from ingest import registry
from ingest.model import Part, Pull, Row, Window, default_window
from ingest.registry import SourceSettings
from ingest.resources import SOURCE, daily, daily_in_parts, whole_list
from ingest.sources.everflow.columns import COLUMNS, CONTROLLED
from signalroom.errors import (
    AnswerError,
    ConfigurationError,
    CredentialsError,
    SourceError,
    WarehouseError,
)
from tests.support.warehouse import POSTGRES_FIRST, Warehouse

FIRST, SECOND = date(2026, 11, 17), date(2026, 11, 18)
BOTH_DAYS = Window(FIRST, SECOND)
NOW = datetime(2026, 11, 19, 14, 30, tzinfo=UTC)


def source(answer: Iterable[Row], measures: tuple[str, ...] = CONTROLLED) -> SourceSettings:
    """A source whose vendor answers with these rows."""

    @daily(columns=COLUMNS, measures=measures)
    def daily_stats(pull: Pull) -> list[Row]:
        return [dict(row, _client_id=pull.client_id) for row in answer]

    return source_of(daily_stats)


def source_of(table: Any) -> SourceSettings:
    @dlt.source(name="everflow", **SOURCE)
    def everflow(pull: Pull) -> Any:
        return table(pull)

    return replace(
        registry.source("everflow"),
        tables={"daily_stats": "day"},
        optional={},
        functions=SimpleNamespace(everflow=everflow),
    )


def row(day: date, affiliate_id: int, revenue: str, **more: Any) -> Row:
    return {
        "date": day,
        "affiliate_id": affiliate_id,
        "affiliate_label": f"Affiliate {affiliate_id}",
        "advertiser_id": 1,
        "clicks": 10,
        "conversions": 1,
        "revenue": Decimal(revenue),
        "payout": Decimal(0),
        **more,
    }


def pull_rows(
    answer: Iterable[Row], client_id: str = "713", window: Window = BOTH_DAYS
) -> pipeline.Loaded:
    one = source(answer)
    return pipeline.load(one, pipeline.make_pull(one, client_id, window=window))


@pytest.fixture(autouse=True)
def activated(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", NOW.isoformat())
    return warehouse


def stored(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select _client_id, date, affiliate_id, revenue from everflow.daily_stats order by 1, 2, 3"
    )


READER = """
import duckdb, sys, time
while True:
    try:
        with duckdb.connect(sys.argv[1], read_only=True):
            print("reading", flush=True)
            time.sleep(0.1)
    except duckdb.IOException:
        pass
    time.sleep(0.03)
"""


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_reader_that_looks_while_rows_are_loaded_fails_the_load(warehouse: Warehouse) -> None:
    """`signalroom status`, a page, or another source's pull that is just ending can do this."""
    pull_rows([row(FIRST, 1, "10")])
    command = [sys.executable, "-c", READER, str(warehouse.home / "warehouse.duckdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        try:
            pull_rows([row(FIRST, 1, "12")])
        finally:
            reader.kill()
    assert stored(warehouse) == [("713", FIRST, 1, Decimal(12))]


def test_restated_days_are_replaced_whole(warehouse: Warehouse) -> None:
    """Changed rows are updated, missing rows removed, empty days emptied; the others stay."""
    outside = date(2026, 11, 10)
    pull_rows([row(outside, 1, "5")], window=Window(outside, outside))
    pull_rows([row(FIRST, 1, "10.00"), row(FIRST, 2, "20.00"), row(SECOND, 1, "30.00")])
    pull_rows([row(FIRST, 1, "10.55")])
    assert stored(warehouse) == [
        ("713", outside, 1, Decimal("5")),
        ("713", FIRST, 1, Decimal("10.55")),
    ]


def test_one_clients_load_leaves_the_others_rows(warehouse: Warehouse) -> None:
    pull_rows([row(FIRST, 1, "10")], "cti")
    pull_rows([row(FIRST, 1, "7"), row(SECOND, 1, "8")], "713")
    pull_rows([], "713")
    assert stored(warehouse) == [("cti", FIRST, 1, Decimal("10"))]


def test_a_second_pull_adds_nothing_and_says_so(warehouse: Warehouse) -> None:
    rows = [row(FIRST, 1, "10"), row(FIRST, 1, "11"), row(SECOND, 3, "0.1")]
    assert pull_rows(rows).changed == 2
    before = stored(warehouse)
    second = pull_rows(rows)
    assert stored(warehouse) == before
    assert len(before) == 3
    assert second.changed == 0
    assert "unchanged" in second.summary()


@pytest.mark.fault(21, 22)
def test_a_failed_pull_changes_nothing(warehouse: Warehouse) -> None:
    pull_rows([row(FIRST, 1, "10")])

    def breaks() -> Iterable[Row]:
        yield row(FIRST, 9, "99")
        raise SourceError("the vendor went away")

    with pytest.raises(SourceError, match="went away"):
        pull_rows(breaks())
    assert stored(warehouse) == [("713", FIRST, 1, Decimal("10"))]


@pytest.mark.parametrize("kind", [SourceError, CredentialsError])
def test_a_table_in_parts_that_breaks_keeps_what_the_later_days_had(
    warehouse: Warehouse, kind: type[SourceError]
) -> None:
    """The same if the key is refused from one day on."""
    pull_rows([row(FIRST, 1, "10"), row(SECOND, 1, "20")])

    @daily_in_parts(columns=COLUMNS, measures=CONTROLLED)
    def daily_stats(pull: Pull) -> Iterator[Part]:
        yield Part(FIRST, [row(FIRST, 9, "99", _client_id=pull.client_id)])
        raise kind("cut off in the middle")

    broken = source_of(daily_stats)
    loaded = pipeline.load(broken, pipeline.make_pull(broken, "713", window=BOTH_DAYS))
    assert loaded.failures == ("daily_stats keeps its rows: cut off in the middle",)
    assert stored(warehouse) == [
        ("713", FIRST, 9, Decimal("99")),
        ("713", SECOND, 1, Decimal("20")),
    ]
    # and the broken load does not affect the next good one
    pull_rows([row(FIRST, 2, "12")])
    assert stored(warehouse) == [("713", FIRST, 2, Decimal("12"))]


def test_money_keeps_every_digit_on_the_way_in(warehouse: Warehouse) -> None:
    pull_rows([row(FIRST, 1, "412.370000000000061234")])
    assert stored(warehouse)[0][3] == Decimal("412.370000000000061234")


def test_missing_stays_missing_and_zero_stays_zero(warehouse: Warehouse) -> None:
    pull_rows([row(FIRST, 1, "0", payout=None, conversions=0)])
    assert warehouse.rows("select revenue, payout, conversions, imp from everflow.daily_stats") == [
        (Decimal(0), None, 0, None)
    ]


@pytest.mark.fault(25)
def test_a_type_that_flips_is_refused_and_no_shadow_column_appears(warehouse: Warehouse) -> None:
    pull_rows([row(FIRST, 1, "10")])
    with pytest.raises(WarehouseError, match="everflow for client 713"):
        pull_rows([row(FIRST, 1, "10", imp="many")])
    columns = warehouse.rows(
        "select column_name from information_schema.columns where table_name = 'daily_stats'"
    )
    assert not [name for (name,) in columns if "__v_" in name]
    assert stored(warehouse) == [("713", FIRST, 1, Decimal("10"))]


def test_the_ledger_says_what_was_asked_and_given(warehouse: Warehouse) -> None:
    pull_rows([row(FIRST, 1, "10.25"), row(FIRST, 2, "1")], window=Window(FIRST, NOW.date()))
    totals = warehouse.rows(
        "select day, measure, total, is_closed from ops.control_totals"
        " where measure in ('rows', 'revenue') order by 1, 2"
    )
    today = NOW.date()
    assert totals == [
        (FIRST, "revenue", Decimal("11.25"), True),
        (FIRST, "rows", Decimal(2), True),
        (SECOND, "revenue", Decimal(0), True),
        (SECOND, "rows", Decimal(0), True),
        (today, "revenue", Decimal(0), False),
        (today, "rows", Decimal(0), False),
    ]
    assert warehouse.rows("select window_end, row_count, as_of from ops.loads") == [(today, 2, NOW)]


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
@pytest.mark.fault(10)
def test_an_old_window_does_not_hide_that_new_days_are_missing(warehouse: Warehouse) -> None:
    pull_rows([], window=Window(FIRST, SECOND))
    old = date(2026, 9, 1)
    pull_rows([], window=Window(old, old))
    assert ledger.coverage("713", "everflow", ["daily_stats"]) == BOTH_DAYS


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_simulated_rows_never_meet_real_ones(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_rows([row(FIRST, 1, "10")])
    monkeypatch.setenv("SIGNALROOM_SANDBOX", "1")
    with pytest.raises(ConfigurationError, match="holds real data"):
        pull_rows([row(FIRST, 1, "99")])
    assert stored(warehouse) == [("713", FIRST, 1, Decimal("10"))]


def test_one_account_for_two_clients_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest import registry

    everflow = registry.source("everflow")
    monkeypatch.setenv("EVERFLOW_API_KEY", "same-key")
    pipeline.refuse_shared_accounts(everflow)
    monkeypatch.setenv("EVERFLOW_API_KEY__CTI", "same-key")
    with pytest.raises(ConfigurationError, match="713 and cti use the same account"):
        pipeline.refuse_shared_accounts(everflow)


def test_an_unknown_resource_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no resource nonsense"):
        pipeline.make_pull(source([]), "713", resources=("nonsense",))


@pytest.mark.fault(25)
def test_a_new_column_is_kept_and_announced_once(warehouse: Warehouse) -> None:
    said: list[str] = []

    def pull(rows: list[Row]) -> None:
        one = source(rows)
        made = pipeline.make_pull(one, "713", window=BOTH_DAYS, notice=said.append)
        pipeline.load(one, made)

    pull([row(FIRST, 1, "10")])
    assert said == []
    for _ in range(2):
        pull([row(FIRST, 1, "10", mood="fine")])
    assert said == ["new columns in daily_stats: mood"]
    assert warehouse.rows("select mood from everflow.daily_stats") == [("fine",)]


@pytest.mark.fault(26)
def test_a_character_that_cannot_be_stored_costs_itself_alone(warehouse: Warehouse) -> None:
    names = {1: "a\x00b", 2: "half \ud800 pair", 3: "\udc00", 4: "whole \U0001f600", 5: "\x00"}
    rows = [row(FIRST, number, "1", affiliate_label=name) for number, name in names.items()]
    assert pull_rows(rows).failures == ()
    found = warehouse.rows(
        "select affiliate_id, affiliate_label from everflow.daily_stats order by 1"
    )
    stored_names = ["ab", "half ? pair", "?", "whole \U0001f600"]
    assert [name for _, name in found][:4] == stored_names
    assert found[4][1] in (None, "")


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    "drop", ["drop table everflow.daily_stats", "drop schema everflow cascade"]
)
def test_a_raw_table_that_was_dropped_is_made_and_filled_again(
    warehouse: Warehouse, drop: str
) -> None:
    """The same for the other client, and for days before those of a default pull."""
    long_ago = date(2026, 9, 1)
    rows = [row(long_ago, 1, "5"), row(FIRST, 1, "10"), row(SECOND, 1, "30")]
    for client_id in ("713", "cti"):
        pull_rows(rows, client_id, window=Window(long_ago, NOW.date()))
    before = stored(warehouse)
    warehouse.execute(drop)
    one = source(rows)
    for client_id in ("713", "cti"):
        pull = pipeline.make_pull(one, client_id)
        assert pull.window == Window(long_ago, NOW.date())
        pipeline.load(one, pull)
    assert stored(warehouse) == before


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_a_pull_of_some_days_alone_skips_none_of_those_before(warehouse: Warehouse) -> None:
    """On an empty warehouse, and after an outage."""
    one = source([])
    first_time = pipeline.make_pull(one, "713").window
    pull_rows([], window=Window(SECOND, SECOND))
    assert pipeline.make_pull(one, "713").window == first_time
    pull_rows([], window=Window(first_time.start, FIRST))
    assert ledger.coverage("713", "everflow", ["daily_stats"]) == Window(first_time.start, SECOND)
    warehouse.execute("update ops.loads set window_end = date '2026-11-09'")  # a week's outage
    pull_rows([], window=Window(SECOND, SECOND))
    assert pipeline.make_pull(one, "713").window.start == date(2026, 11, 9)


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_old_days_on_an_empty_warehouse_are_not_where_the_next_pull_goes_on(
    warehouse: Warehouse,
) -> None:
    """It would request all the years in between, every hour."""
    one = source([])
    first_time = pipeline.make_pull(one, "713").window
    years_ago = Window(date(2024, 1, 1), date(2024, 1, 2))
    pull_rows([], window=years_ago)
    assert pipeline.make_pull(one, "713").window == first_time

    @whole_list(columns={})
    def offers(pull: Pull) -> list[Row]:
        return [{"_client_id": pull.client_id, "id": 1}]

    listed = replace(source_of(offers), tables={"offers": "list"})
    pipeline.load(listed, pipeline.make_pull(listed, "713", window=years_ago))
    # the requested days do not matter for a list: it was read now
    assert warehouse.rows("select table_name, as_of from ops.loads") == [("offers", NOW)]


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
def test_a_table_that_the_vendor_does_not_have_hides_no_outage(warehouse: Warehouse) -> None:
    """A list that may no longer be read must not make each pull longer than the one before."""
    one = replace(source([]), tables={"daily_stats": "day", "refunds": "day", "offers": "list"})
    first_time = pipeline.make_pull(one, "713").window
    pull_rows([], window=first_time)
    long_ago = first_time.start - timedelta(days=9)
    warehouse.execute("update ops.loads set window_start = date '2026-01-01'")
    assert pipeline.make_pull(one, "713").window == first_time  # as the new table needs
    warehouse.execute(f"update ops.loads set window_end = date '{long_ago}'")
    assert pipeline.make_pull(one, "713").window == Window(long_ago, NOW.date())
    pull_rows([], window=Window(long_ago, NOW.date()))
    for table, last in {"refunds": NOW.date(), "offers": long_ago}.items():
        warehouse.execute(
            "insert into ops.loads (_client_id, source, table_name, loaded_at, as_of, window_start,"
            " window_end, row_count) select _client_id, source, '" + table + "', loaded_at, as_of,"
            f" window_start, date '{last}', 0 from ops.loads where table_name = 'daily_stats'"
        )
    assert pipeline.make_pull(one, "713").window == default_window(NOW.date())


@pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
@pytest.mark.fault(22)
def test_a_measure_that_the_vendor_renamed_is_no_zero(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    @daily(columns=COLUMNS, measures=CONTROLLED, required=("payout",))
    def daily_stats(pull: Pull) -> list[Row]:
        return [row(FIRST, 1, "10", _client_id=pull.client_id, payout=None, pay_out="10")]

    pull_rows([row(FIRST, 1, "10")])
    renamed = source_of(daily_stats)
    with pytest.raises(AnswerError, match="no payout in 1 row; the vendor renamed"):
        pipeline.load(renamed, pipeline.make_pull(renamed, "713", window=BOTH_DAYS))
    assert stored(warehouse) == [("713", FIRST, 1, Decimal("10"))]
