"""Data that the worked example lacks: offers, visits, emails, prospects, several order files."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.support.warehouse import Warehouse
from tests.transform import raw
from tests.transform.raw import Spend, Stat

DAY, NEXT_DAY = date(2026, 11, 17), date(2026, 11, 18)
AT = datetime(2026, 11, 18, 4, 59, tzinfo=UTC)  # 23:59 of DAY
SOURCE = "65a2b30cad4e6f0002b5d00"

# client cti: advertiser 7 is CTI, its offer 702 CTI Club from 2026-11-02 (see projects.csv)
STATS = (
    Stat(DAY, 41, "CTI House Media", 7, 90, 3, "360.00", "0", client="cti"),
    Stat(DAY, 43, "Coach Finder", 7, 50, 2, "240.00", "75.50", client="cti"),
    # two spellings of one label, with non-ASCII letters
    Stat(DAY, 46, "CAFÉ Ölmühle", 7, 5, 0, "0", "0", client="cti"),
    Stat(DAY, 47, " café ölmühle", 7, 5, 1, "120.00", "9.00", client="cti"),
)
SPENDS = (
    Spend(DAY, SOURCE + "1", "CTI Facebook Main", 80, "100.00", client="cti"),
    Spend(DAY, SOURCE + "3", "CTI YouTube", 9, "30.00", client="cti"),
    Spend(DAY, SOURCE + "4", "CTI Podcast", 9, "7.00", client="cti"),
    # no conversions on the next day, so it is unknown which offer this spend was for
    Spend(NEXT_DAY, SOURCE + "1", "CTI Facebook Main", 80, "50.00", client="cti"),
)
CONVERSIONS: list[dict[str, object]] = [
    {
        "_client_id": "cti",
        "date": DAY,
        "conversion_id": f"c{number}",
        "status": status,
        "is_event": False,
        "is_view_through": False,
        "affiliate_id": affiliate_id,
        "advertiser_id": 7,
        "offer_id": offer_id,
        "payout": payout,
        "revenue": 120,
        "currency_id": "USD",
    }
    for number, (affiliate_id, offer_id, status, payout) in enumerate(
        [
            (41, 701, "approved", 0),
            (41, 702, "approved", 0),
            (41, 702, "approved", 0),
            (43, 701, "approved", 40),
            (43, 702, "approved", 35.5),
            (43, 702, "rejected", 35.5),
            # 47 converted once, which Everflow does not list yet
        ]
    )
]
CONVERSION_TYPES = {
    **{"date": "date", "is_event": "boolean", "is_view_through": "boolean"},
    **dict.fromkeys(("affiliate_id", "advertiser_id", "offer_id"), "bigint"),
    **dict.fromkeys(("payout", "revenue"), "decimal(38, 18)"),
}

EVENTS: list[dict[str, object]] = [
    {
        "_client_id": "713",
        "date": DAY,
        "uuid": f"e{number}",
        "event": event,
        "timestamp": AT,
        "distinct_id": visitor,
        "properties": properties,
    }
    for number, (event, visitor, properties) in enumerate(
        [
            ("$pageview", "v1", '{"$lib":"web","$session_id":"s1"}'),
            ("$pageview", "v1", '{"$session_id":"s2"}'),
            ("purchase", "v1", '{"$session_id":"s2","value":1}'),
            ("purchase", "v2", "{}"),
        ]
    )
]
EVENT_TYPES = {"date": "date", "timestamp": "timestamptz"}

SENT: list[dict[str, object]] = [
    {
        "_client_id": "713",
        "date": DAY,
        "id": number,
        "email_id": 12,
        "date_sent": AT,
        "is_read": is_read,
        "is_failed": is_failed,
        "open_count": open_count,
    }
    for number, (is_read, is_failed, open_count) in enumerate(
        [(True, False, 2), (False, False, 0), (False, True, 0)]
    )
]
SENT_TYPES = {
    **dict.fromkeys(("id", "email_id", "open_count"), "bigint"),
    **dict.fromkeys(("is_read", "is_failed"), "boolean"),
    **{"date": "date", "date_sent": "timestamptz"},
}

PROSPECT_FILE = "prospects-create/report_2026-11-18T0531_a.csv"
PROSPECTS: list[dict[str, object]] = [
    {
        "_client_id": "713",
        "_file_name": PROSPECT_FILE,
        "_row_id": row,
        "_file_date": NEXT_DAY,
        # one export has the column name in the singular
        "prospects_id": None if row == 1 else prospect,
        "prospect_id": prospect if row == 1 else None,
        "prospect_date": "11/17/2026",
    }
    for row, prospect in enumerate(["7", "8", "7"])
]

FILES = {
    "orders-create/report_2026-08-01T0531_a.csv": ["100", "101", "101", "102"],
    "orders-create/report_2026-11-18T0531_b.csv": ["200", "201"],
}


def order_lines(file_name: str, order_ids: list[str], **cells: object) -> list[dict[str, object]]:
    """Lines of an export: ten dollars each, placed the day before the date in the file's name."""
    file_date = date.fromisoformat(file_name.split("report_")[1][:10])
    placed = date.fromordinal(file_date.toordinal() - 1)
    line: dict[str, object] = {
        "order_date": placed.strftime("%m/%d/%Y"),
        "order_status": "NEW",
        "total_amount": "10.00",
        "refund_flag": "NO",
        "refund_amount": None,
        "product_category": "CCW",
        "billing_state": "FL",
        "is_test_cc": "NO",
        "rebill_depth": "0",
        **cells,
    }
    return [
        {
            "_client_id": "713",
            "_file_name": file_name,
            "_row_id": row,
            "_file_date": file_date,
            "orders_id": order_id,
            **line,
        }
        for row, order_id in enumerate(order_ids)
    ]


def load(warehouse: Warehouse) -> None:
    """Load all of it into raw, with the records that ingest keeps."""
    raw.create_tables(warehouse)
    raw.insert_stats(warehouse, STATS)
    raw.insert_spend(warehouse, SPENDS)
    raw.note_totals(warehouse, "cti", [DAY, NEXT_DAY], STATS, SPENDS)
    load_further(warehouse)
    lines = [line for name, ids in FILES.items() for line in order_lines(name, ids)]
    raw.create_orders(warehouse, "orders_create", lines)
    raw.note_files(warehouse, "orders_create", {name: len(ids) for name, ids in FILES.items()})


def load_further(warehouse: Warehouse) -> None:
    """Load the tables that do not feed the ledger."""
    raw.create(warehouse, "everflow.conversions", CONVERSIONS, CONVERSION_TYPES)
    raw.note_rows(warehouse, "everflow", "conversions", {DAY: 6, NEXT_DAY: 0}, "cti")
    raw.create(warehouse, "posthog.events", EVENTS, EVENT_TYPES)
    raw.note_rows(warehouse, "posthog", "events", {DAY: 4, NEXT_DAY: 0}, "713")
    raw.create(warehouse, "mautic.email_stats", SENT, SENT_TYPES)
    raw.note_rows(warehouse, "mautic", "email_stats", {DAY: 3}, "713")
    targets = [{"_client_id": "713", "_row_id": row, "month": "2026-11"} for row in range(2)]
    raw.create(warehouse, "google_sheets.targets", targets, {"_row_id": "bigint"})
    raw.note_list(warehouse, "google_sheets", "targets", len(targets))
    raw.create_orders(warehouse, "prospects_create", PROSPECTS)
    raw.note_files(warehouse, "prospects_create", {PROSPECT_FILE: 3})
