"""Orders of a made-up world by day, brand and state, and the files in which they came."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from reports.preview.world import FIRST, RESTATED, World
from reports.state_performance.build import S3
from reports.state_performance.map import TILES
from signalroom import clock

DAYS = 42  # that the report looks back over, and those of what was told before
# Orders of a usual day where many people live; elsewhere there is one now and then.
LARGE = {"CA": 14, "TX": 11, "FL": 9, "NY": 8, "PA": 5, "IL": 5, "OH": 4, "GA": 4, "NC": 3}


def order_rows(world: World, brands: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """The rows of state_performance and order_files."""
    orders, files = [], []
    after = world.until + timedelta(days=1)
    asked_at = clock.midnight(after) + timedelta(hours=6, minutes=40)
    projects: tuple[str | None, ...] = (*brands, *world.projects, None)
    for number in range(DAYS):
        day = world.until - timedelta(days=number)
        if day < FIRST:
            break
        files.append({"file_date": day, "files": 2, "loaded_at": asked_at})
        for at, project in enumerate(projects):
            for place, state in enumerate(TILES):
                swing = (day.toordinal() + 5 * place + 3 * at) % 7
                usual = LARGE.get(state, 0) // (at + 1)
                few = int((day.toordinal() + place) % (2 + place % 6) == at)
                attempts = (usual + swing // 3 if usual else few) * world.factor
                if day == RESTATED and state == "CA" and at == 0:
                    attempts += world.correction
                if attempts:
                    orders.append(_orders(day, project, state, attempts, place))
    if S3 not in world.late and S3 not in world.never:
        files.append({"file_date": after, "files": 1, "loaded_at": asked_at})
    return {"state_performance": orders, "order_files": files}


def _orders(day: Any, project: str | None, state: str, attempts: int, place: int) -> dict[str, Any]:
    declined = attempts * (12 + place * 7 % 28) // 100 + (day.day + place) % 2 * (attempts > 2)
    approved = attempts - declined
    refunds = approved * (place % 5) // 60 + (day.day % 9 == 0 and approved > 3)
    return {
        "order_date": day,
        "project": project,
        "state": state,
        "attempts": attempts,
        "approved": approved,
        "declined": declined,
        "revenue": Decimal("64.90") * approved,
        "refunds": refunds,
        "refund_amount": Decimal("64.90") * refunds,
        "chargebacks": int(approved > 6 and day.day % 13 == 0),
    }
