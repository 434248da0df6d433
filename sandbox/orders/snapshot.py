"""An order as of one instant, for the export."""

from decimal import Decimal
from typing import NamedTuple

from sandbox.orders.book import Order


class Snapshot(NamedTuple):
    order: Order
    status: str
    shipped_at: int | None
    voided_at: int | None
    refunded_at: int | None
    refund_amount: Decimal
    chargeback_at: int | None

    @property
    def void_amount(self) -> Decimal:
        return self.order.total if self.voided_at is not None else Decimal(0)


def snapshot(order: Order, at: int) -> Snapshot:
    """Everything that happened to the order before `at`."""
    shipped = voided = refunded = chargeback = None
    refund = Decimal(0)
    for change in order.changes:
        if change.at >= at:
            continue
        if change.kind == "shipped":
            shipped = change.at
        elif change.kind == "void":
            voided = change.at
        elif change.kind == "refund":
            refunded, refund = change.at, refund + change.amount
        else:
            chargeback = change.at
    status = "DECLINED" if order.is_declined else "NEW"
    if voided is not None or refund >= order.total:
        status = "VOID/REFUNDED"
    return Snapshot(order, status, shipped, voided, refunded, refund, chargeback)
