"""`marts.funnel_daily` and `marts.email_engagement`, counted from single visits and sends."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from sandbox.clock import BUSINESS_ZONE
from sandbox.ledger.rows import Row
from sandbox.orders.delivery import PROSPECT, Delivery, standing
from sandbox.orders.lines import prospect_id


def funnel_daily(
    client: str, events: Sequence[Row], prospects: Counter[date], orders: Sequence[Row],
    summaries: Sequence[Row],
) -> list[Row]:  # fmt: skip
    """A row per day of `summaries`, with all sources pulled for all of them."""
    sessions: dict[object, set[str]] = defaultdict(set)
    visitors: dict[object, set[str]] = defaultdict(set)
    pageviews: Counter[object] = Counter()
    for event in events:
        day, visitor = event["date"], str(event["distinct_id"])
        properties = json.loads(str(event["properties"]))
        sessions[day].add(properties.get("$session_id", visitor))
        visitors[day].add(visitor)
        pageviews[day] += event["event"] == "$pageview"
    placed = Counter(row["order_date"] for row in orders if not row["is_test"])
    first = [row for row in orders if not row["is_test"] and row["is_initial"]]
    initial = Counter(row["order_date"] for row in first)
    approved = Counter(row["order_date"] for row in first if row["order_status"] != "DECLINED")
    order_days = [day for row in orders if isinstance(day := row["order_date"], date)]
    rows: list[Row] = []
    for summary in summaries:
        day = summary["date"]
        assert isinstance(day, date)  # noqa: S101
        has_prospects = bool(prospects) and min(prospects) <= day <= max(prospects)
        has_orders = bool(order_days) and min(order_days) <= day <= max(order_days)
        rows.append(
            {
                "_client_id": client,
                "date": day,
                "sessions": len(sessions[day]),
                "visitors": len(visitors[day]),
                "pageviews": pageviews[day],
                "prospects": prospects[day] if has_prospects else None,
                "orders": placed[day] if has_orders else None,
                "initial_orders": initial[day] if has_orders else None,
                "approved_initial_orders": approved[day] if has_orders else None,
                "conversions": summary["conversions"],
            }
        )
    return rows


def prospects_by_day(deliveries: list[Delivery], now: int) -> Counter[date]:
    """Each prospect once, by the first file that has it."""
    files = [row for row in standing(deliveries, now).values() if row.prefix == PROSPECT]
    dated: dict[str, date] = {}
    for file in sorted(files, key=lambda file: (file.file_time, file.key)):
        for state in file.states:
            at = datetime.fromtimestamp(state.order.placed_at - 300, BUSINESS_ZONE)
            dated.setdefault(prospect_id(state.order), at.date())
    return Counter(dated.values())


def email_engagement(client: str, sent: Sequence[Row], emails: Sequence[Row]) -> list[Row]:
    names = {row["id"]: row for row in emails}
    found: dict[tuple[object, object], list[Row]] = defaultdict(list)
    for row in sent:
        found[row["date"], row["email_id"]].append(row)
    return [
        {
            "_client_id": client,
            "date": day,
            "email_id": email,
            "email_name": names[email]["name"],
            "sends": len(rows),
            "failures": sum(bool(row["is_failed"]) for row in rows),
            "opens": sum(bool(row["is_read"]) for row in rows),
            "total_opens": sum(int(str(row["open_count"])) for row in rows),
        }
        for (day, email), rows in found.items()
    ]
