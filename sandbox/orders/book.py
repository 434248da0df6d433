"""Orders of each business day, and their later changes. A day depends on (seed, client, day)."""

import random
import threading
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from sandbox.cast import Profile
from sandbox.clock import day_bounds, local_day
from sandbox.world import World

HOUR = 3600
DAY = 24 * HOUR
LONGEST_MEMORY = 47  # days within which the last change of an order happens
REBILL_AFTER = 30

ChangeKind = Literal["shipped", "refund", "void", "chargeback"]


class Product(NamedTuple):
    product_id: int
    name: str
    sku: str
    price: Decimal


class OrderChange(NamedTuple):
    at: int
    kind: ChangeKind
    amount: Decimal


class Order(NamedTuple):
    order_id: int
    placed_at: int
    category: str
    campaign_id: int
    products: tuple[Product, ...]
    total: Decimal
    is_declined: bool
    decline_reason: str
    is_test: bool
    affiliate_id: int | None
    state: str
    depth: int
    parent_id: int | None
    ancestor_id: int
    changes: tuple[OrderChange, ...]
    luck: int  # personal details and notes are derived from it


CATALOGUE: dict[str, tuple[Product, ...]] = {
    "CCW": (
        Product(1101, "CCW Certificate", "CCW-CERT", Decimal("99.95")),
        Product(1102, 'CCW Handbook, 2nd "pocket" edition', "CCW-BOOK", Decimal("19.50")),
    ),
    "EXP": (
        Product(1201, "EXP Course", "EXP-CRS", Decimal("69.00")),
        Product(1202, "EXP Workbook", "EXP-WB", Decimal("14.95")),
    ),
    "CTI": (
        Product(1701, "Coaching Call", "CTI-CALL", Decimal("149.00")),
        Product(1702, "Coaching Club", "CTI-CLUB", Decimal("39.99")),
    ),
}
_CATEGORIES = {1: "CCW", 2: "EXP", 7: "CTI"}
STATES = ("TX", "FL", "PA", "OH", "NC", "GA", "VA", "AZ", "MO", "TN", "MA", "NJ", "CT", "PR",
          "WA", "CO")  # fmt: skip
_DECLINES = ("Insufficient funds", "Do not honor", "Invalid card, call issuer", "Expired card")


class OrderBook:
    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._first: dict[tuple[str, date], tuple[Order, ...]] = {}
        self._changed: dict[tuple[str, date], dict[date, list[Order]]] = {}
        self._placed: dict[tuple[str, date], tuple[Order, ...]] = {}

    def orders(self, client: str, day: date) -> tuple[Order, ...]:
        """Everything placed on that day: new orders, then rebills of earlier ones."""
        key = (client, day)
        if key not in self._placed:
            self._placed[key] = self._new_orders(client, day) + self._rebills(client, day)
        return self._placed[key]

    def _rebills(self, client: str, day: date) -> tuple[Order, ...]:
        found: tuple[Order, ...] = ()
        for depth in (1, 2):
            earlier = self._new_orders(client, day - timedelta(days=REBILL_AFTER * depth))
            found += tuple(
                self._rebill(client, order, day, depth, place)
                for place, order in enumerate(earlier)
                if _times_billed_again(order) >= depth
            )
        return found

    def changed(self, client: str, placed: date, on: date) -> list[Order]:
        """Orders placed on one day that changed on another."""
        key = (client, placed)
        by_day = self._changed.get(key)
        if by_day is None:
            by_day = {}
            for order in self.orders(client, placed):
                for day in {local_day(change.at) for change in order.changes}:
                    by_day.setdefault(day, []).append(order)
            with self._lock:
                self._changed[key] = by_day
        return by_day.get(on, [])

    def _new_orders(self, client: str, day: date) -> tuple[Order, ...]:
        key = (client, day)
        orders = self._first.get(key)
        if orders is None:
            made = self._make(self._world.profiles[client], day)
            with self._lock:
                orders = self._first.setdefault(key, made)
        return orders

    def _make(self, profile: Profile, day: date) -> tuple[Order, ...]:
        rng = self._world.random("orders", profile.client, day)
        start, end = day_bounds(day)
        count = max(5, round(rng.gauss(profile.orders, profile.orders**0.5)))
        moments = sorted(start + int(rng.random() * (end - start)) for _ in range(count))
        # ids continue across days; both clients use the same numbers
        first_id = (day.toordinal() - 730_000) * 1000
        return tuple(
            _order(rng, profile, first_id + place, moment) for place, moment in enumerate(moments)
        )

    def _rebill(self, client: str, first: Order, day: date, depth: int, place: int) -> Order:
        rng = self._world.random("rebill", client, first.order_id, depth)
        start, end = day_bounds(day)
        product = CATALOGUE[first.category][1]
        declined = rng.random() < 0.3
        order_id = (day.toordinal() - 730_000) * 1000 + 300 * depth + place
        at = start + int(rng.random() * (end - start))
        return first._replace(
            order_id=order_id,
            placed_at=at,
            products=(product,),
            total=product.price,
            is_declined=declined,
            decline_reason=rng.choice(_DECLINES) if declined else "",
            depth=depth,
            parent_id=first.order_id,
            changes=() if declined else _changes(rng, at, product.price),
        )


def _times_billed_again(order: Order) -> int:
    """How often an order is billed again: one in six once, one in twelve twice."""
    if order.is_declined or order.is_test or order.luck % 6:
        return 0
    return 2 if order.luck % 12 == 0 else 1


def _order(rng: random.Random, profile: Profile, order_id: int, placed_at: int) -> Order:
    advertiser = profile.advertisers[0]
    if len(profile.advertisers) > 1 and rng.random() < 0.3:
        advertiser = profile.advertisers[1]
    category = _CATEGORIES[advertiser.advertiser_id]
    products = CATALOGUE[category][: 2 if rng.random() < 0.15 else 1]
    total = sum((product.price for product in products), Decimal(0))
    declined = rng.random() < 0.22
    is_test = rng.random() < 0.05
    affiliates = profile.affiliates_of(advertiser.advertiser_id)
    return Order(
        order_id=order_id,
        placed_at=placed_at,
        category=category,
        campaign_id=advertiser.advertiser_id * 10 + rng.randrange(2),
        products=products,
        total=total,
        is_declined=declined,
        decline_reason=rng.choice(_DECLINES) if declined else "",
        is_test=is_test,
        affiliate_id=None if rng.random() < 0.3 else rng.choice(affiliates),
        state=STATES[min(rng.randrange(len(STATES)), rng.randrange(len(STATES)))],
        depth=0,
        parent_id=None,
        ancestor_id=order_id,
        changes=() if declined else _changes(rng, placed_at, total),
        luck=rng.getrandbits(32),
    )


def _changes(rng: random.Random, placed_at: int, total: Decimal) -> tuple[OrderChange, ...]:
    luck = rng.random()
    if luck < 0.02:
        return (OrderChange(placed_at + rng.randrange(HOUR, 20 * HOUR), "void", total),)
    changes = []
    if rng.random() < 0.4:
        changes.append(
            OrderChange(placed_at + rng.randrange(6 * HOUR, 2 * DAY), "shipped", Decimal(0))
        )
    if luck < 0.08:
        part = total if luck < 0.06 else (total / 2).quantize(Decimal("0.01"))
        changes.append(OrderChange(placed_at + rng.randrange(2 * DAY, 40 * DAY), "refund", part))
    elif luck < 0.09:
        changes.append(
            OrderChange(placed_at + rng.randrange(10 * DAY, 45 * DAY), "chargeback", total)
        )
    return tuple(sorted(changes))
