"""The cost of each brand's conversions, by day: for the closing table and the page.

The page reads what the last build recorded in the run database, never the warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports.shared.figures import known_cost, ratio
from signalroom import clock, run_database, warehouse
from signalroom.clients import active_clients, registry
from signalroom.errors import WarehouseError
from signalroom.warehouse import Row
from signalroom.watch_tables import BRAND_DAYS

DAYS = 15  # today's so far, and the 14 before it

QUERIES = {
    "days": """
select
    performance._client_id,
    performance.advertiser_id,
    performance.date,
    max(performance.advertiser_label) as advertiser_label,
    sum(performance.conversions) as conversions,
    sum(performance.cost) as cost,
    max(case when performance.cpa_state = 'missing_spend' then 1 else 0 end) as missing,
    max(case when summary.is_complete then 1 else 0 end) as is_complete
from daily_performance as performance
inner join daily_summary as summary
    on performance._client_id = summary._client_id and performance.date = summary.date
where performance.date between :first_day and :last_day and not performance.is_unmapped
group by 1, 2, 3
order by 1, 2, 3
""",
    "goals": "select _client_id, brand, month, goal from goal_pace where measure = 'cpa'",
}


@dataclass(frozen=True)
class BrandDay:
    """Conversions and mapped cost in dollars of one brand.

    `state` says why the figures cannot be trusted, in a few words; empty if they can.
    """

    client_id: str
    brand: str
    day: date
    conversions: int
    spent: Decimal
    state: str = ""
    cpa_goal: Decimal | None = None

    @property
    def cost(self) -> Decimal | None:
        """The cost; None where nothing is known of it, which is not zero."""
        return known_cost(self.spent, bool(self.state))

    @property
    def cpa(self) -> Decimal | None:
        """Cost per conversion; None without conversions, or where the cost is unknown."""
        return ratio(self.cost, self.conversions)


def brand_days(first_day: date, last_day: date) -> list[BrandDay]:
    """Every client, advertiser and day with data, both days included.

    Raises WarehouseError without marts, or while another process writes to the DuckDB file.
    """
    found = warehouse.read_together(QUERIES, {"first_day": first_day, "last_day": last_day})
    goals = {(row["_client_id"], row["brand"], row["month"]): row["goal"] for row in found["goals"]}
    names = {
        (client.id, brand.advertiser_id): brand.name
        for client in registry().values()
        for brand in client.brands
    }
    days = []
    for row in found["days"]:
        client_id, number = row["_client_id"], row["advertiser_id"]
        brand = names.get((client_id, number)) or row["advertiser_label"] or f"advertiser {number}"
        days.append(
            BrandDay(
                client_id=client_id,
                brand=brand,
                day=row["date"],
                conversions=int(row["conversions"]),
                spent=row["cost"],
                state=_state(row),
                cpa_goal=goals.get((client_id, brand, f"{row['date']:%Y-%m}")),
            )
        )
    return days


def _state(row: Row) -> str:
    if not row["is_complete"]:
        return "not complete"
    return "spend missing" if row["missing"] else ""


def record_brand_days() -> None:
    """Record the last days; WarehouseError without marts, or if a database is unavailable."""
    today = clock.today()
    rows = [
        {
            "_client_id": one.client_id,
            "brand": one.brand,
            "day": one.day,
            "conversions": one.conversions,
            "cost": str(one.spent),
            "state": one.state,
            "cpa_goal": None if one.cpa_goal is None else str(one.cpa_goal),
        }
        for one in brand_days(today - timedelta(days=DAYS - 1), today)
    ]
    engine = run_database.prepared_engine()
    try:
        with engine.begin() as connection:
            connection.execute(BRAND_DAYS.delete())
            if rows:
                connection.execute(BRAND_DAYS.insert(), rows)
    except SQLAlchemyError as error:
        raise WarehouseError(f"Brands' days cannot be recorded: {error}") from error
    finally:
        engine.dispose()


def recorded_brand_days() -> dict[tuple[str, str], list[BrandDay]]:
    """The days that the last build recorded, by client and brand, oldest first."""
    wanted = {client.id for client in active_clients()}
    found: dict[tuple[str, str], list[BrandDay]] = {}
    query = sa.select(BRAND_DAYS).order_by(*BRAND_DAYS.primary_key.columns)
    with run_database.reading_engine().connect() as connection:
        for row in connection.execute(query).mappings():
            one = BrandDay(
                row["_client_id"],
                row["brand"],
                row["day"],
                row["conversions"],
                Decimal(row["cost"]),
                row["state"] or "",
                Decimal(row["cpa_goal"]) if row["cpa_goal"] else None,
            )
            if one.client_id in wanted:
                found.setdefault((one.client_id, one.brand), []).append(one)
    return found
