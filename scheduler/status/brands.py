"""What each brand's conversions cost, by day: for the closing table and the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.shared.figures import ratio
from signalroom import warehouse
from signalroom.clients import registry

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
