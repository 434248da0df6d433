"""Rows dropped, doubled, changed or moved after the load: each is caught, and the marts stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.transform import further_days, raw, worked_example
from tests.transform.dbt import WITHOUT_UNIT_TESTS, Dbt
from tests.transform.raw import Spend, Stat

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("module_warehouse", DUCKDB_FIRST, indirect=True),
]

START = date(2026, 11, 1)
DAYS = [START + timedelta(days=number) for number in range(10)]
# two days have one more row, which can move to another day without breaking the grain
STATS = [replace(stat, day=day) for day in DAYS for stat in worked_example.STATS]
STATS.append(Stat(DAYS[2], 31, "Moved", 1, 5, 1, "9.00", "3.00"))
SPENDS = [replace(spend, day=day) for day in DAYS for spend in worked_example.SPENDS]
SPENDS.append(Spend(DAYS[7], "moved", "Moved", 5, "3.00"))
FILE = "orders-create/report_2026-11-18T0600_a.csv"

MARTS = (
    "affiliate_leaderboard",
    "daily_performance",
    "daily_project_performance",
    "daily_summary",
    "email_engagement",
    "funnel_daily",
    "mapping_gaps",
    "orders",
    "state_performance",
    "unmapped_spend",
    "weekly_rollup",
)
DOUBLE = "insert into {table} select * from {table} where {where}"
# doubled under another key, which no test of the grain can detect
COPY_STAT = (
    "insert into everflow.daily_stats (_client_id, date, affiliate_id, advertiser_id, conversions)"
    " select _client_id, date, 999, advertiser_id, conversions from everflow.daily_stats"
    " where {where}"
)
COPY_SPEND = (
    "insert into redtrack.daily_spend (_client_id, date, source_id, cost)"
    " select _client_id, date, 'copied', cost from redtrack.daily_spend where {where}"
)
COPY_EVENT = (
    "insert into posthog.events (_client_id, date, uuid, timestamp)"
    " select _client_id, date, 'copied', timestamp from posthog.events where {where}"
)
DROP = "delete from {table} where {where}"
CHANGE = "update {table} set {what} where {where}"


LEDGER = "intermediate.int_performance__ledger"
SHARED = "intermediate.int_performance__shared"
VISITS = "intermediate.int_visits__counted"
MAPPING = 'reference."client_713__internal-affiliates"'
MUTATED = (
    "everflow.daily_stats",
    "redtrack.daily_spend",
    "s3_exports.orders_create",
    "s3_exports.prospects_create",
    "everflow.conversions",
    "posthog.events",
    "mautic.email_stats",
    "google_sheets.targets",
    LEDGER,
    SHARED,
    VISITS,
    MAPPING,
)


@pytest.fixture(scope="module")
def loaded(module_warehouse: Warehouse, module_dbt: Dbt) -> Warehouse:
    """Ten days and a file of orders, loaded and built."""
    warehouse = module_warehouse
    raw.create_tables(warehouse)
    raw.insert_stats(warehouse, STATS)
    raw.insert_spend(warehouse, SPENDS)
    raw.note_totals(warehouse, "713", DAYS, STATS, SPENDS)
    raw.create_orders(
        warehouse,
        "orders_create",
        [
            {"_client_id": "713", "_file_name": FILE, "_row_id": row, "orders_id": str(row)}
            for row in range(3)
        ],
    )
    raw.note_files(warehouse, "orders_create", {FILE: 3})
    further_days.load_further(warehouse)
    module_dbt.succeeds("build", *WITHOUT_UNIT_TESTS)
    for number, table in enumerate(MUTATED):
        warehouse.execute(f"create table ops.saved_{number} as select * from {table}")
    return warehouse


@pytest.fixture
def built(loaded: Warehouse) -> Iterator[Warehouse]:
    """The same for each test: its changes are reverted."""
    yield loaded
    for number, table in enumerate(MUTATED):
        loaded.execute(f"delete from {table}; insert into {table} select * from ops.saved_{number}")


def contents(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart, in a fixed order."""
    return {mart: sorted(warehouse.rows(f"select * from marts.{mart}"), key=repr) for mart in MARTS}


def days_after(*numbers: int) -> set[date]:
    """Days of the fixture by number."""
    return {DAYS[number] for number in numbers}


@pytest.mark.fault(32)
def test_each_change_of_raw_is_caught_and_the_marts_stay(built: Warehouse, module_dbt: Dbt) -> None:
    before = contents(built)
    stats, spend = "everflow.daily_stats", "redtrack.daily_spend"
    one_stat = "date = '{}' and affiliate_id = 21"
    one_spend = "date = '{}' and source_name = 'Facebook CCW'"
    changes = [
        # a row dropped on day 0, doubled on day 1, moved from day 2 to day 3, a cent more on day 4
        DROP.format(table=stats, where=one_stat.format(DAYS[0])),
        COPY_STAT.format(where=one_stat.format(DAYS[1])),
        CHANGE.format(table=stats, what=f"date = '{DAYS[3]}'", where="affiliate_id = 31"),
        CHANGE.format(table=stats, what="payout = payout + 0.01", where=one_stat.format(DAYS[4])),
        # the same in RedTrack from day 5, and on day 9 a row assigned to another client
        DROP.format(table=spend, where=one_spend.format(DAYS[5])),
        COPY_SPEND.format(where=one_spend.format(DAYS[6])),
        CHANGE.format(table=spend, what=f"date = '{DAYS[8]}'", where="source_id = 'moved'"),
        CHANGE.format(table=spend, what="_client_id = 'cti'", where=one_spend.format(DAYS[9])),
        DROP.format(table="s3_exports.orders_create", where="_row_id = 2"),
        # tables not in the ledger: dropped, doubled under another key, moved to another day
        DROP.format(table="everflow.conversions", where="conversion_id = 'c0'"),
        COPY_EVENT.format(where="uuid = 'e0'"),
        CHANGE.format(table="mautic.email_stats", what=f"date = '{DAYS[9]}'", where="id = 0"),
        DROP.format(table="google_sheets.targets", where="_row_id = 1"),
    ]
    for change in changes:
        built.execute(change)

    outcome = module_dbt.run("build", *WITHOUT_UNIT_TESTS)

    assert outcome.exit_code == 1
    assert outcome.names("fail") >= {
        "assert_everflow_daily_stats_hold_what_was_given",
        "assert_redtrack_daily_spend_holds_what_was_given",
        "assert_orders_create_hold_every_line_of_their_files",
        "assert_everflow_conversions_hold_what_was_given",
        "assert_posthog_events_hold_what_was_given",
        "assert_mautic_email_stats_hold_what_was_given",
        "assert_spreadsheets_hold_what_was_read",
    }
    assert outcome.names("skipped") >= {"int_performance__ledger", *MARTS}
    caught = {
        source: {row[1] for row in built.rows(module_dbt.compiled(test))}
        for source, test in (
            ("everflow", "assert_everflow_daily_stats_hold_what_was_given"),
            ("redtrack", "assert_redtrack_daily_spend_holds_what_was_given"),
        )
    }
    assert caught["everflow"] == set(map(str, days_after(0, 1, 2, 3, 4)))
    assert caught["redtrack"] == set(map(str, days_after(5, 6, 7, 8, 9)))
    moved = built.rows(module_dbt.compiled("assert_mautic_email_stats_hold_what_was_given"))
    assert {row[1] for row in moved} == {str(further_days.DAY), str(DAYS[9])}
    assert contents(built) == before


def test_each_change_of_the_ledger_is_caught(built: Warehouse, module_dbt: Dbt) -> None:
    stat = "source = 'everflow' and affiliate_id = 21 and date = '{}'"
    spend = "source = 'redtrack' and source_name = 'Facebook CCW' and date = '{}'"
    for kind in (stat, spend):
        built.execute(DROP.format(table=LEDGER, where=kind.format(DAYS[0])))
        built.execute(DOUBLE.format(table=LEDGER, where=kind.format(DAYS[1])))
        built.execute(
            CHANGE.format(table=LEDGER, what=f"date = '{DAYS[3]}'", where=kind.format(DAYS[2]))
        )
    # payout booked as the cost of paid media: no sum of a single column shows it
    built.execute(
        CHANGE.format(table=LEDGER, what="is_internal = true", where=stat.format(DAYS[5]))
    )
    built.execute(
        CHANGE.format(table=LEDGER, what="_client_id = null", where=spend.format(DAYS[6]))
    )

    outcome = module_dbt.run("test", "--select", "int_performance__ledger")

    assert outcome.exit_code == 1
    assert outcome.names("fail") >= {
        "assert_ledger_keeps_all_spend",
        "assert_ledger_keeps_all_conversions",
        "assert_costed_days_equal_the_ledger",
        "assert_every_model_has_a_client",
    }
    lost = {
        name: {row[1] for row in built.rows(module_dbt.compiled(name))}
        for name in (
            "assert_ledger_keeps_all_spend",
            "assert_ledger_keeps_all_conversions",
            "assert_costed_days_equal_the_ledger",
        )
    }
    assert lost["assert_ledger_keeps_all_spend"] == days_after(0, 1, 2, 3, 6)
    assert lost["assert_ledger_keeps_all_conversions"] == days_after(0, 1, 2, 3)
    assert lost["assert_costed_days_equal_the_ledger"] == days_after(0, 1, 2, 3, 5, 6)


@pytest.mark.fault(32)
def test_rows_and_mappings_that_stand_twice_keep_the_last_good_marts(
    built: Warehouse, module_dbt: Dbt
) -> None:
    before = contents(built)
    for table in ("everflow.daily_stats", "redtrack.daily_spend", "s3_exports.orders_create"):
        built.execute(DOUBLE.format(table=table, where="_client_id = '713'"))
    # two lines for one source in the client's file double its spend in any join with the file
    built.execute(DOUBLE.format(table=MAPPING, where="\"redtrack.source\" = 'Facebook CCW'"))

    outcome = module_dbt.run("build", "--exclude", "resource_type:seed", *WITHOUT_UNIT_TESTS)

    assert outcome.exit_code == 1
    assert outcome.names("fail") == {
        "assert_everflow_daily_stats_hold_what_was_given",
        "assert_no_source_is_mapped_twice",
        "assert_orders_create_hold_every_line_of_their_files",
        "assert_redtrack_daily_spend_holds_what_was_given",
        "unique_grain_stg_everflow__daily_stats__client_id__date__affiliate_id__advertiser_id",
        "unique_grain_stg_redtrack__daily_spend__client_id__date__source_id",
        "unique_grain_stg_s3_exports__orders_create__client_id___file_name___row_id",
    }
    assert outcome.names("skipped") >= set(MARTS) - {"email_engagement"}
    assert contents(built) == before


def test_each_change_between_the_ledger_and_the_marts_is_caught(
    built: Warehouse, module_dbt: Dbt
) -> None:
    kind = "affiliate_label = 'Blue Bench' and date = '{}'"
    built.execute(DROP.format(table=SHARED, where=kind.format(DAYS[0])))
    built.execute(DOUBLE.format(table=SHARED, where=kind.format(DAYS[1])))
    built.execute(
        CHANGE.format(table=SHARED, what=f"date = '{DAYS[3]}'", where=kind.format(DAYS[2]))
    )
    # a cent moved from one cost to another on the same day
    built.execute(
        CHANGE.format(table=SHARED, what="cost = cost + 0.01", where=kind.format(DAYS[4]))
    )
    built.execute(
        CHANGE.format(
            table=SHARED,
            what="cost = cost - 0.01",
            where=f"affiliate_label = 'G2 - Meta' and advertiser_id = 1 and date = '{DAYS[4]}'",
        )
    )
    built.execute(DROP.format(table=VISITS, where="sessions > 0"))

    outcome = module_dbt.run(
        "build", "--select", "int_funnel_days__counted", "assert_projects_keep_every_amount"
    )

    assert outcome.names("fail") == {
        "assert_projects_keep_every_amount",
        "assert_funnel_keeps_every_count",
    }
    lost = built.rows(module_dbt.compiled("assert_projects_keep_every_amount"))
    assert {row[1] for row in lost} == days_after(0, 1, 2, 3, 4)
    assert len([row for row in lost if row[1] == DAYS[4]]) == 2
