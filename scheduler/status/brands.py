"""What each brand's conversions cost, by day: for the closing table and the page.

The page reads what the last build recorded in the run database, never the warehouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports.shared.figures import ratio
from signalroom import clock, run_database, warehouse
from signalroom.clients import active_clients, registry
from signalroom.errors import WarehouseError
from signalroom.watch_tables import BRAND_DAYS

DAYS = 15  # today's so far, and the 14 before it

SQL = """
select
    _client_id,
    advertiser_id,
    date,
    max(advertiser_label) as advertiser_label,
    sum(conversions) as conversions,
    sum(cost) as cost
from daily_performance
where date between :first_day and :last_day and not is_unmapped
group by 1, 2, 3
order by 1, 2, 3
"""


@dataclass(frozen=True)
class BrandDay:
    """Conversions, mapped cost in dollars and CPA of one brand; CPA is None without conversions."""

    client_id: str
    brand: str
    day: date
    conversions: int
    cost: Decimal
    cpa: Decimal | None


def brand_days(first_day: date, last_day: date) -> list[BrandDay]:
    """Every client, advertiser and day with anything, both days included.

    Raises WarehouseError without marts, or while another process writes to the DuckDB file.
    """
    names = {
        (client.id, brand.advertiser_id): brand.name
        for client in registry().values()
        for brand in client.brands
    }
    return [
        BrandDay(
            client_id=row["_client_id"],
            brand=names.get((row["_client_id"], row["advertiser_id"]))
            or row["advertiser_label"]
            or f"advertiser {row['advertiser_id']}",
            day=row["date"],
            conversions=int(row["conversions"]),
            cost=row["cost"],
            cpa=ratio(row["cost"], int(row["conversions"])),
        )
        for row in warehouse.read(SQL, {"first_day": first_day, "last_day": last_day})
    ]


def record_brand_days() -> None:
    """Record the last days; WarehouseError without marts, or when a database is away."""
    today = clock.today()
    rows = [
        {
            "_client_id": one.client_id,
            "brand": one.brand,
            "day": one.day,
            "conversions": one.conversions,
            "cost": str(one.cost),
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
    """By client and brand the days that the last build recorded, oldest first."""
    wanted = {client.id for client in active_clients()}
    found: dict[tuple[str, str], list[BrandDay]] = {}
    query = sa.select(BRAND_DAYS).order_by(*BRAND_DAYS.primary_key.columns)
    with run_database.reading_engine().connect() as connection:
        for row in connection.execute(query).mappings():
            cost = Decimal(row["cost"])
            one = BrandDay(
                row["_client_id"],
                row["brand"],
                row["day"],
                row["conversions"],
                cost,
                ratio(cost, row["conversions"]),
            )
            if one.client_id in wanted:
                found.setdefault((one.client_id, one.brand), []).append(one)
    return found
