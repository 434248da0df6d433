"""The marts of a hand-counted day, of dirty exports and of unusual days, on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.transform import raw, worked_example
from tests.transform.dbt import Dbt
from tests.transform.raw import Spend, Stat
from tests.transform.worked_example import SOURCE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("module_warehouse", DUCKDB_FIRST, indirect=True),
]
ODD_DAY = date(2026, 11, 16)
ODD_STATS = (
    # one label under two ids, in two spellings, older than that of the worked example
    Stat(ODD_DAY, 9, "\tg2 - META\u00a0", 1, 1, 1, "10.00", "0"),
    Stat(ODD_DAY, 11, "G2 - Meta", 1, 1, 2, "10.00", "0"),
    Stat(ODD_DAY, 77, "  ", 1, 1, 3, "10.00", "1.00"),
    Stat(ODD_DAY, 13, "G2 - Google", 1, 1, 4, "10.00", "0"),
    Stat(ODD_DAY, 14, "G2 - Bing", 1, 1, 7, "10.00", "0"),
    # the other client's affiliate with the same name is not internal there
    Stat(ODD_DAY, 11, "G2 - Meta", 7, 1, 5, "10.00", "7.00", client="cti"),
)
ODD_SPENDS = (
    Spend(ODD_DAY, SOURCE + "1", "Facebook CCW", 1, "0.000000000000000001"),
    Spend(ODD_DAY, SOURCE + "6", "Google Ads CCW", 1, None),
    Spend(ODD_DAY, SOURCE + "a", "Bing, Search CCW", 1, "0"),
    Spend(ODD_DAY, SOURCE + "9", "TikTok CCW", 1, "40.00"),
)

HEADER = {"_client_id": "713", "_file_date": date(2026, 11, 18)}
CREATED: list[dict[str, object]] = [
    {
        **HEADER,
        "_file_name": "orders-create/report_2026-11-18T0600_a.csv",
        "_row_id": row_id,
        "orders_id": order_id,
        "order_date": order_date,
        "order_status": status,
        "total_amount": total,
        "is_test_cc": is_test,
        "refund_flag": None,
        "billing_state": " fl ",
        "product_category": category,
        "affid": affid,
        "rebill_depth": depth,
    }
    for row_id, order_id, order_date, status, total, is_test, category, affid, depth in [
        (0, "0100", "11/17/2026", "NEW", "$1,049.95", "NO", "CCW", "21", "0"),
        (1, "0100", "11/17/2026", "NEW", "$1,049.95", "NO", "EXP", "21", "0"),
        (2, "200", "2026-11-17 10:00:00", "NEW", "59.95", "YES", "EXP", "x1", "2"),
        (3, "300", "0000-00-00", "DECLINED", "n/a", "1", "CTI", None, None),
        (4, "400", "02/30/2026", " new ", "5", None, "ccw ", "", "0"),
        (5, None, "11/17/2026", "NEW", "1", None, "CCW", None, None),
    ]
]
UPDATED: list[dict[str, object]] = [
    {
        **HEADER,
        "_file_name": "orders-update/report_2026-11-18T0600_b.csv",
        "_row_id": 0,
        "orders_id": "400",
        "order_date": "11/17/2026",
        "order_status": "VOID/REFUNDED",
        "total_amount": "5.00",
        "refund_flag": "YES",
        "refund_amount": "5.00",
        "product_category": "CCW",
        "billing_state": "Puerto Rico",
        "void_flag": "maybe",
    }
]


@pytest.fixture(scope="module")
def built(module_warehouse: Warehouse, module_dbt: Dbt) -> Warehouse:
    """The worked example, an unusual day and two files of orders, loaded and built once."""
    worked_example.load(module_warehouse)
    raw.insert_stats(module_warehouse, ODD_STATS)
    raw.insert_spend(module_warehouse, ODD_SPENDS)
    for client in ("713", "cti"):
        raw.note_totals(module_warehouse, client, [ODD_DAY], ODD_STATS, ODD_SPENDS)
    raw.create_orders(module_warehouse, "orders_create", CREATED)
    raw.create_orders(module_warehouse, "orders_update", UPDATED)
    raw.note_files(module_warehouse, "orders_create", {str(CREATED[0]["_file_name"]): 6})
    raw.note_files(
        module_warehouse,
        "orders_update",
        {str(UPDATED[0]["_file_name"]): 1, "orders-update/report_2026-11-19T0600_c.csv": 0},
    )
    module_dbt.succeeds("build")
    return module_warehouse


def test_worked_example_is_what_was_counted_by_hand(built: Warehouse) -> None:
    rows = built.rows(worked_example.PERFORMANCE_SQL)
    assert set(rows) == worked_example.expected_performance()
    assert len(rows) == 10


def test_worked_example_summary_has_unmapped_spend_in_one_cpa_only(built: Warehouse) -> None:
    [row] = built.rows(
        "select conversions, everflow_payout, everflow_revenue, redtrack_cost, unmapped_cost, cost,"
        " blended_cpa, mapped_cpa, profit, is_complete, everflow_loaded_at, redtrack_loaded_at"
        " from marts.daily_summary where _client_id = '713' and date = '2026-11-18'"
    )
    loaded_at = datetime(2026, 11, 19, 14, 31, tzinfo=UTC)
    assert row == (
        *(47, Decimal(360), Decimal(4465), Decimal("1317.25"), Decimal("342.25")),
        *(Decimal("1677.25"), Decimal("35.686170"), Decimal("28.404255"), Decimal("2787.75")),
        *(True, loaded_at, loaded_at),
    )


def test_a_day_that_came_back_empty_has_a_row_of_zeros(built: Warehouse) -> None:
    [row] = built.rows(
        "select conversions, cost, blended_cpa, is_complete from marts.daily_summary"
        " where _client_id = '713' and date = '2026-11-17'"
    )
    assert row == (0, Decimal(0), None, True)


def test_unmapped_spend_stands_by_source(built: Warehouse) -> None:
    rows = built.rows(
        "select source_name, advertiser_id, cost from marts.unmapped_spend"
        " where date = '2026-11-18'"
    )
    assert set(rows) == {
        ("Facebook CTI", None, Decimal("310.25")),
        ("Google Accounts", 1, Decimal(12)),
        ("New Source", None, Decimal(20)),
    }


def test_labels_that_differ_in_blanks_and_case_are_one_row_in_the_newest_spelling(
    built: Warehouse,
) -> None:
    rows = built.rows(
        "select affiliate_id, affiliate_label, conversions, cost, cpa from marts.daily_performance"
        " where _client_id = '713' and date = '2026-11-16' and lower(affiliate_label) = 'g2 - meta'"
    )
    assert rows == [(9, "G2 - Meta", 3, Decimal("1E-18"), Decimal(0))]


def test_spend_that_redtrack_left_out_is_missing_and_zero_is_zero(built: Warehouse) -> None:
    rows = built.rows(
        "select affiliate_label, cpa_state, cpa from marts.daily_performance"
        " where _client_id = '713' and date = '2026-11-16' and affiliate_label like 'G2 - _i%'"
    )
    google = built.rows(
        "select cpa_state, cpa, cost from marts.daily_performance"
        " where date = '2026-11-16' and affiliate_label = 'G2 - Google'"
    )
    assert rows == [("G2 - Bing", "zero_cost", Decimal(0))]
    assert google == [("missing_spend", None, Decimal(0))]


def test_spend_before_any_conversion_takes_the_files_label(built: Warehouse) -> None:
    rows = built.rows(
        "select affiliate_id, advertiser_label, is_internal, cost, cpa_state"
        " from marts.daily_performance where affiliate_label = 'HS - TikTok'"
    )
    assert rows == [(None, "CCW", True, Decimal(40), "no_conversions")]


def test_an_affiliate_without_a_label_is_called_by_its_id(built: Warehouse) -> None:
    rows = built.rows(
        "select affiliate_label, cost from marts.daily_performance where affiliate_id = 77"
    )
    assert rows == [("Affiliate 77", Decimal(1))]


def test_one_clients_mapping_says_nothing_of_another_client(built: Warehouse) -> None:
    rows = built.rows(
        "select affiliate_label, is_internal, cost from marts.daily_performance"
        " where _client_id = 'cti'"
    )
    assert rows == [("G2 - Meta", False, Decimal(7))]


def test_orders_count_once_and_survive_dirty_text(built: Warehouse) -> None:
    rows = built.rows(
        "select order_id, order_date, order_status, total_amount, is_test, is_initial, state,"
        " project, is_refunded, refund_amount, is_chargeback, affiliate_id from marts.orders"
    )
    day, total, zero = date(2026, 11, 17), Decimal("1049.95"), Decimal(0)
    assert set(rows) == {
        ("0100", day, "NEW", total, False, True, "FL", "CCW", False, zero, False, 21),
        ("200", day, "NEW", Decimal("59.95"), True, False, "FL", "EXP", False, zero, False, None),
        ("300", None, "DECLINED", None, True, True, "FL", None, False, zero, False, None),
        (
            *("400", day, "VOID/REFUNDED", Decimal(5), False, True, "Puerto Rico", "CCW"),
            *(True, Decimal(5), False, None),
        ),
    }


def test_descriptions_reach_the_warehouse(built: Warehouse) -> None:
    if built.target == "duckdb":
        sql = "select comment from duckdb_columns() where table_name = 'orders'"
    else:
        sql = "select col_description('marts.orders'::regclass, n) from generate_series(1, 14) as n"
    comments = [comment for (comment,) in built.rows(sql)]
    assert all(comments)
    assert any("Never null." in comment for comment in comments)


def test_nothing_is_lost_or_doubled(built: Warehouse) -> None:
    [sums] = built.rows(
        "select sum(conversions), sum(everflow_revenue), sum(everflow_payout), sum(redtrack_cost),"
        " sum(cost) from marts.daily_performance where _client_id = '713' and date = '2026-11-18'"
    )
    assert sums == (47, Decimal(4465), Decimal(360), Decimal("1317.25"), Decimal("1677.25"))


def test_affiliates_are_ranked_within_their_brand(built: Warehouse) -> None:
    rows = built.rows(
        "select affiliate_label, conversions, cpa, profit_rank, conversions_rank, cpa_rank,"
        " conversions_share, previous_conversions, missing_spend_days"
        " from marts.affiliate_leaderboard"
        " where _client_id = '713' and advertiser_id = 1 and period = 'last_7_days'"
        " and period_end = '2026-11-18' and conversions > 8"
    )
    # 20 and 3 of G2 - Meta, 3 of an affiliate without a label: the brand has 64 conversions in all
    assert set(rows) == {
        ("G2 - Meta", 23, Decimal("26.086957"), 1, 1, 1, Decimal("0.359375"), 0, 0),
        ("Blue Bench", 12, Decimal(30), 2, 2, 2, Decimal("0.187500"), 0, 0),
        ("SB - Meta", 10, Decimal(30), 3, 3, 2, Decimal("0.156250"), 0, 0),
    }


def test_a_running_week_holds_its_days_so_far(built: Warehouse) -> None:
    rows = built.rows(
        "select advertiser_id, week_start, iso_year, iso_week, is_complete, days, conversions,"
        " cost, unmapped_cost, previous_conversions, cost_change_rate"
        " from marts.weekly_rollup where _client_id = '713'"
    )
    monday = date(2026, 11, 16)
    tiny = Decimal("1E-18")
    assert set(rows) == {
        (
            *(1, monday, 2026, 47, False, 3, 64, 1313 + tiny, Decimal(12)),
            *(None, None),
        ),
        (2, monday, 2026, 47, False, 3, 0, Decimal(75), Decimal(0), None, None),
        (None, monday, 2026, 47, False, 3, 0, Decimal("330.25"), Decimal("330.25"), None, None),
    }


def test_states_count_orders_without_tests(built: Warehouse) -> None:
    rows = built.rows(
        "select project, state, attempts, approved, declined, revenue, refunds, refund_amount"
        " from marts.state_performance"
    )
    assert set(rows) == {
        ("CCW", "FL", 1, 1, 0, Decimal("1049.95"), 0, Decimal(0)),
        ("CCW", "ZZ", 1, 1, 0, Decimal(5), 1, Decimal(5)),
    }


def test_gaps_in_the_mapping_say_what_is_at_stake(built: Warehouse) -> None:
    rows = built.rows(
        "select source_name, advertiser_id, first_seen, last_seen, days, cost,"
        " suggested_affiliate_label from marts.mapping_gaps where _client_id = '713'"
    )
    day = date(2026, 11, 18)
    assert set(rows) == {
        ("Facebook CTI", None, day, day, 1, Decimal("310.25"), None),
        ("Google Accounts", 1, day, day, 1, Decimal(12), None),
        ("New Source", None, day, day, 1, Decimal(20), None),
    }
