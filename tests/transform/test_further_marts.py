"""A hand-counted day of projects, funnel and emails, and the incremental models."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.warehouse import POSTGRES_FIRST, Warehouse
from tests.transform import further_days, raw
from tests.transform.dbt import WITHOUT_UNIT_TESTS, Dbt
from tests.transform.further_days import AT, DAY, FILES, NEXT_DAY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("module_warehouse", POSTGRES_FIRST, indirect=True),
]

STEPWISE = (
    "intermediate.int_orders__by_file",
    "intermediate.int_visits__counted",
    "intermediate.int_orders__latest",
    "marts.orders",
    "marts.funnel_daily",
)
ORDERS_SQL = "select order_id, is_refunded, refund_amount from marts.orders order by order_id"
VISITS_SQL = (
    "select date, sessions, pageviews from marts.funnel_daily"
    " where _client_id = '713' and sessions is not null order by date"
)
LATER = "2026-11-20 08:00:00+00"
NEW_FILE = list(FILES)[1]
INDEX = (
    "create index orders_create_by_file_and_client"
    " on s3_exports.orders_create (_file_name, _client_id)"
)
NOTE = "update ops.control_totals set total = {total}, loaded_at = '" + LATER + "' where {where}"


@pytest.fixture(scope="module")
def built(module_warehouse: Warehouse, module_dbt: Dbt) -> Warehouse:
    """Two days of every further source, loaded and built once."""
    further_days.load(module_warehouse)
    if module_warehouse.target == "postgres":
        module_warehouse.execute(INDEX)  # as loads make it
    module_dbt.succeeds("build", *WITHOUT_UNIT_TESTS)
    return module_warehouse


def test_projects_of_a_day_share_what_is_known_by_affiliate_only(built: Warehouse) -> None:
    rows = built.rows(
        "select project, conversions, everflow_payout, everflow_revenue, redtrack_cost,"
        " unmapped_cost, allocated_cost, cost, cost_basis, blended_cpa, has_missing_spend"
        f" from marts.daily_project_performance where _client_id = 'cti' and date = '{DAY}'"
    )
    # The paid 75.50 of Coach Finder: 40.00 and 35.50 by the single conversions. The day's
    # conversions of the advertiser, 2 of CTI and 3 of CTI Club, split YouTube's 30.00, and the
    # conversion and 9.00 of the café, which Everflow does not list singly yet. Podcast's 7.00
    # belong to no project. House Media's 100.00 are split by its own conversions, 1 and 2.
    assert set(rows) == {
        (
            *("CTI", 2, Decimal("43.6"), Decimal(288), Decimal("45.333333"), Decimal(0)),
            *(Decimal("48.933333"), Decimal("88.933333"), "allocated", Decimal("44.466667"), False),
        ),
        (
            *("CTI Club", 4, Decimal("40.9"), Decimal(432), Decimal("84.666667"), Decimal(0)),
            *(Decimal("90.066667"), Decimal("125.566667"), "allocated", Decimal("31.391667")),
            False,
        ),
        (
            *(None, 0, Decimal(0), Decimal(0), Decimal(7), Decimal(7)),
            *(Decimal(0), Decimal(7), "direct", None, False),
        ),
    }


def test_projects_add_up_to_the_day(built: Warehouse) -> None:
    sums = "sum(conversions), sum(everflow_payout), sum(everflow_revenue), sum(cost), sum(profit)"
    by_project, by_affiliate = (
        built.rows(f"select _client_id, date, {sums} from marts.{mart} group by 1, 2 order by 1, 2")
        for mart in ("daily_project_performance", "daily_performance")
    )
    assert by_project == by_affiliate
    assert len(by_project) == 2


def test_spend_of_a_day_without_conversions_is_no_projects(built: Warehouse) -> None:
    rows = built.rows(
        "select project, cost, cost_basis from marts.daily_project_performance"
        f" where _client_id = 'cti' and date = '{NEXT_DAY}'"
    )
    zero = Decimal(0)
    assert set(rows) == {
        ("CTI", zero, "direct"),
        ("CTI Club", zero, "direct"),
        (None, Decimal(50), "direct"),
    }


def test_labels_beyond_ascii_are_one_row_whatever_their_case(built: Warehouse) -> None:
    rows = built.rows(
        "select affiliate_id, affiliate_label, conversions from marts.daily_performance"
        " where affiliate_label like '%hle'"
    )
    assert rows == [(46, "CAFÉ Ölmühle", 1)]


def test_the_funnel_counts_each_step_and_knows_what_it_does_not_know(built: Warehouse) -> None:
    columns = "sessions, visitors, pageviews, prospects, orders, initial_orders, conversions"
    rows = built.rows(
        f"select _client_id, date, {columns} from marts.funnel_daily where date >= '{DAY}'"
    )
    assert set(rows) == {
        ("713", DAY, 3, 2, 2, 2, 2, 2, None),
        ("713", NEXT_DAY, 0, 0, 0, None, None, None, None),
        ("cti", DAY, None, None, None, None, None, None, 6),
        ("cti", NEXT_DAY, None, None, None, None, None, None, 0),
    }


def test_emails_are_told_by_what_became_of_them(built: Warehouse) -> None:
    rows = built.rows(
        "select date, email_id, email_name, sends, failures, opens, total_opens, open_rate"
        " from marts.email_engagement"
    )
    assert rows == [(DAY, 12, None, 3, 1, 1, 2, Decimal("0.5"))]


def test_the_engine_knows_the_size_of_a_table_before_the_next_model_reads_it(
    built: Warehouse,
) -> None:
    """Without statistics PostgreSQL joins years of days row by row; DuckDB counts as it writes."""
    sizes = {
        "postgres": "select relname, reltuples from pg_class inner join pg_namespace"
        " on pg_namespace.oid = relnamespace where nspname = 'intermediate' and relkind = 'r'",
        "duckdb": "select table_name, estimated_size from duckdb_tables()"
        " where schema_name = 'intermediate'",
    }
    known = dict(built.rows(sizes[built.target]))
    assert len(known) > 5
    assert [name for name, size in known.items() if size < 0] == []
    assert known["int_orders__by_file"] > 0


def test_the_mart_writes_the_orders_that_differ_and_no_others(
    built: Warehouse, module_dbt: Dbt
) -> None:
    """A file that is added and gone again; a brand, an order and a line of another database."""
    before, places = contents(built), places_of_orders(built)
    new = "orders-create/report_2026-11-19T0531_c.csv"
    lines = further_days.order_lines(new, ["300", "102"], refund_amount="4.00")
    names = ", ".join(lines[0])
    raw.insert(
        built, f"s3_exports.orders_create ({names})", [tuple(line.values()) for line in lines]
    )
    raw.note_files(built, "orders_create", {new: 2})
    models = ("run", "--select", "int_orders__by_file", "orders")
    module_dbt.succeeds(*models)
    assert {order for order, _ in places_of_orders(built) - places} <= {"102", "300"}
    assert built.rows(ORDERS_SQL) == [
        ("100", False, Decimal(0)),
        ("101", False, Decimal(0)),
        ("102", True, Decimal(4)),
        ("200", False, Decimal(0)),
        ("201", False, Decimal(0)),
        ("300", True, Decimal(4)),
    ]

    for change in (
        f"delete from s3_exports.orders_create where _file_name = '{new}'",
        f"delete from ops.control_totals where partition_key = '{new}'",
        "update marts.orders set project = 'Former brand', state = null where order_id = '100'",
        "update marts.orders set order_id = '999' where order_id = '200'",
    ):
        built.execute(change)
    module_dbt.succeeds(*models)
    assert contents(built) == before
    assert {order for order, _ in places_of_orders(built) - places} <= {"100", "102", "200"}


def places_of_orders(warehouse: Warehouse) -> set[tuple[str, str]]:
    """Each order's place in the table, which another is if it is written; PostgreSQL only."""
    if warehouse.target != "postgres":
        return set()
    sql = "select order_id, cast(xmin as text) || cast(ctid as text) from marts.orders"
    return set(warehouse.rows(sql))


def test_steps_end_in_the_rows_of_a_full_refresh(built: Warehouse, module_dbt: Dbt) -> None:
    """Late, shorter and deleted files, restated days, rows without a record, a lost run."""
    before = contents(built)
    saved = ("ops.control_totals", "posthog.events", "s3_exports.orders_create")
    for number, table in enumerate(saved):
        built.execute(f"create table ops.kept_{number} as select * from {table}")
    changes = [
        # order 201 was removed from the newest file, which was uploaded again
        "delete from s3_exports.orders_create where orders_id = '201'",
        NOTE.format(total=1, where=f"partition_key = '{NEW_FILE}'"),
        # one day is now empty, and another has a late event
        f"delete from posthog.events where date = '{DAY}'",
        NOTE.format(total=0, where=f"source = 'posthog' and day = '{DAY}'"),
        NOTE.format(total=1, where=f"source = 'posthog' and day = '{NEXT_DAY}'"),
        "insert into posthog.events (_client_id, date, uuid, event, timestamp, distinct_id)"
        f" values ('713', '{NEXT_DAY}', 'late', '$pageview', '{AT.isoformat()}', 'v9')",
        # a file that was not loaded again is not read again
        "update s3_exports.orders_create set refund_flag = 'YES' where orders_id = '102'",
    ]
    for change in changes:
        built.execute(change)
    # months later, in an update: the first table of that kind
    late = "orders-update/report_2026-11-19T0531_c.csv"
    refund = {"order_date": "07/31/2026", "refund_flag": "YES", "refund_amount": "4.00"}
    raw.create_orders(built, "orders_update", further_days.order_lines(late, ["100"], **refund))
    raw.note_files(built, "orders_update", {late: 1})

    run_steps(module_dbt)
    no, zero = False, Decimal(0)
    assert built.rows(ORDERS_SQL) == [
        ("100", True, Decimal(4)),
        ("101", no, zero),
        ("102", no, zero),
        ("200", no, zero),
    ]
    assert built.rows(VISITS_SQL) == [(DAY, 0, 0), (NEXT_DAY, 1, 1)]

    # reading every row again gives the same result, once that line is reverted
    stepwise = contents(built)
    built.execute("update s3_exports.orders_create set refund_flag = 'NO' where orders_id = '102'")
    run_steps(module_dbt, "--full-refresh")
    assert contents(built) == stepwise

    # the changes are reverted, after a run that was lost halfway: so are the rows
    built.execute(f"delete from intermediate.int_orders__by_file where _file_name = '{NEW_FILE}'")
    for number, table in enumerate(saved):
        built.execute(
            f"delete from {table}; insert into {table} select * from ops.kept_{number};"
            f"drop table ops.kept_{number}"
        )
    built.execute("drop table s3_exports.orders_update cascade")
    run_steps(module_dbt)
    assert contents(built) == before


def run_steps(dbt: Dbt, *arguments: str) -> None:
    """Build the incremental models, what they read and what depends on them."""
    changed = ("+int_orders__by_file+", "+int_visits__counted+1", "funnel_daily")
    dbt.succeeds("run", *arguments, "--select", *changed)


def contents(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the incremental models and their marts."""
    return {table: sorted(warehouse.rows(f"select * from {table}"), key=repr) for table in STEPWISE}
