"""Orders: counts and revenue of a state or a brand, and the rates from these sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports.shared.figures import add, ratio, rounded
from signalroom.plural import counted

LEAST_ATTEMPTS = 20  # below this a rate is not meaningful


@dataclass(frozen=True)
class Orders:
    """Orders of a state, of a brand or of all: counts, and revenue in US dollars.

    Rates are ratios of these sums, None below 20 attempts.
    """

    client_id: str
    name: str
    attempts: int
    approved: int
    declined: int
    refunds: int
    chargebacks: int
    revenue: Decimal
    shown: Decimal | None = None

    @property
    def cents(self) -> Decimal | None:
        """The revenue as shown."""
        return self.shown if self.shown is not None else rounded(self.revenue)

    @property
    def approval(self) -> Decimal | None:
        """Approved of all attempts."""
        return self._rate(self.approved, self.attempts)

    @property
    def decline(self) -> Decimal | None:
        """Declined of all attempts."""
        return self._rate(self.declined, self.attempts)

    @property
    def refund(self) -> Decimal | None:
        """Refunded of all approved."""
        return self._rate(self.refunds, self.approved)

    @property
    def chargeback(self) -> Decimal | None:
        """Disputed of all approved."""
        return self._rate(self.chargebacks, self.approved)

    def _rate(self, part: int, whole: int) -> Decimal | None:
        return ratio(Decimal(part), whole) if self.attempts >= LEAST_ATTEMPTS else None


def together(client_id: str, parts: Sequence[Orders]) -> Orders:
    """Parts that are not shown individually, as one, so that all still add up."""
    return Orders(
        client_id=client_id,
        name=counted(len(parts), "other"),
        attempts=sum(one.attempts for one in parts),
        approved=sum(one.approved for one in parts),
        declined=sum(one.declined for one in parts),
        refunds=sum(one.refunds for one in parts),
        chargebacks=sum(one.chargebacks for one in parts),
        revenue=add(one.revenue for one in parts),
        shown=add(one.cents or Decimal(0) for one in parts),
    )
