"""What a conversion cost on one day, by client and brand, for the operator's closing table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from reports.query import QUERIES
from reports.shared.figures import ratio
from signalroom import warehouse
from signalroom.clients import registry


@dataclass(frozen=True)
class BrandDay:
    """Conversions, mapped cost in dollars and CPA of one brand; CPA is None without conversions."""

    client_id: str
    brand: str
    conversions: int
    cost: Decimal
    cpa: Decimal | None


def brand_days(day: date) -> list[BrandDay]:
    """Every client and advertiser with anything on that day; WarehouseError without marts."""
    sql = (QUERIES / "brand_totals.sql").read_text(encoding="utf-8")
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
            conversions=int(row["conversions"]),
            cost=row["cost"],
            cpa=ratio(row["cost"], int(row["conversions"])),
        )
        for row in warehouse.read(sql, {"report_date": day})
    ]
