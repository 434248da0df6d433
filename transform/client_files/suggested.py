"""The marts' suggestions for the clients' mapping files, as `signalroom doctor` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signalroom import warehouse
from signalroom.checks import Check
from signalroom.clients import active_clients
from signalroom.errors import WarehouseError

NAME = "mapping"
# the client's file takes precedence: similar names do not contradict it
GAPS = """
select
    _client_id, source_id, source_name, gap, affiliate_label, mapping_line, cost,
    suggested_affiliate_label, suggested_advertiser_id, suggested_by, suggested_line
from mapping_gaps
where cost > 0 and (suggested_by = 'link' or (suggested_by = 'name' and mapping_line is null))
order by _client_id, cost desc, source_id
"""


def suggestions() -> list[Check]:
    """A warning for each source with a suggested line, or where file and link disagree."""
    try:
        rows = warehouse.read(GAPS)
    except WarehouseError:
        # nothing is built yet, or the warehouse is unavailable, which another check reports
        return []
    brands = {
        (client.id, brand.advertiser_id): brand.name
        for client in active_clients()
        for brand in client.brands
    }
    active = {client_id for client_id, _ in brands}
    return [_check(row, brands) for row in rows if row["_client_id"] in active]


def _check(row: Mapping[str, Any], brands: Mapping[tuple[str, int], str]) -> Check:
    client, number = row["_client_id"], row["mapping_line"]
    advertiser = row["suggested_advertiser_id"]
    brand = brands.get((client, advertiser), f"advertiser {advertiser}")
    by = "the links of its offers name" if row["suggested_by"] == "link" else "its name is like"
    said = f"maps to {row['affiliate_label'] or 'no one'}"
    if number:
        said += f" by line {number} of internal-affiliates.csv"
    do = f"line {number} becomes" if number else "add the line"
    return Check(
        NAME,
        "warning",
        f"client {client}: {row['source_name']} ({row['source_id']}, ${row['cost']:,.2f} so far) "
        f"{said}; {by} {row['suggested_affiliate_label']} of {brand}",
        f"If that is right, {do} {row['suggested_line']}",
        client=client,
    )
