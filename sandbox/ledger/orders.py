"""`marts.orders`: the newest file that has an order determines all of it."""

from datetime import datetime

from sandbox.clock import BUSINESS_ZONE
from sandbox.ledger.rows import Row
from sandbox.orders.delivery import PROSPECT, UPDATE, Delivery, standing
from sandbox.orders.snapshot import Snapshot


def orders_of(client: str, deliveries: list[Delivery], now: int) -> list[Row]:
    """One row per order, by order id, from the files in the bucket at `now`."""
    files = [row for row in standing(deliveries, now).values() if row.prefix != PROSPECT]
    files.sort(key=lambda file: (file.file_time, file.prefix == UPDATE, file.key))
    newest: dict[int, Snapshot] = {}
    for file in files:
        newest |= {state.order.order_id: state for state in file.states}
    return [_row(client, newest[number]) for number in sorted(newest)]


def files_of(client: str, deliveries: list[Delivery], now: int) -> list[Row]:
    """Files in the bucket, with their number of lines below the header; None for an empty file."""
    return [
        {
            "_client_id": client,
            "table_name": file.prefix.replace("-", "_"),
            "file_name": key,
            "row_count": None if file.style.is_empty else _lines(file),
        }
        for key, file in sorted(standing(deliveries, now).items())
    ]


def _lines(file: Delivery) -> int:
    if file.prefix == PROSPECT:
        return len(file.states)
    return sum(len(state.order.products) for state in file.states)


def _row(client: str, state: Snapshot) -> Row:
    order = state.order
    return {
        "_client_id": client,
        "order_id": str(order.order_id),
        "order_date": datetime.fromtimestamp(order.placed_at, BUSINESS_ZONE).date(),
        "order_status": state.status,
        "total_amount": order.total,
        "is_test": order.is_test,
        "is_initial": order.depth == 0,
        "state": order.state,
        "project": order.category,
        "is_voided": state.voided_at is not None,
        "is_refunded": state.refunded_at is not None,
        "refund_amount": state.refund_amount,
        "is_chargeback": state.chargeback_at is not None,
        "affiliate_id": order.affiliate_id,
    }
