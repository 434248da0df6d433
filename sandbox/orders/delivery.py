"""The files that Sticky.io delivers: which, when, and with what oddity."""

import csv
import gzip
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sandbox.clock import BUSINESS_ZONE, day_bounds
from sandbox.orders.book import LONGEST_MEMORY, OrderBook
from sandbox.orders.header import ORDERS, PROSPECTS, varied
from sandbox.orders.lines import order_lines, prospect_line
from sandbox.orders.snapshot import Snapshot, snapshot
from sandbox.world import World

DELIVERED_AT = time(5, 31)
CREATE, UPDATE, PROSPECT = "orders-create", "orders-update", "prospects-create"
HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True)
class Style:
    """How a file is written; `header_only` and `is_empty` (no bytes) leave the rows out."""

    bom: bool = False
    crlf: bool = False
    varied_header: bool = False
    gzipped: bool = False
    is_empty: bool = False


@dataclass(frozen=True)
class Delivery:
    """A file as it is from `visible_at` until a later delivery of the same key."""

    client: str
    key: str  # relative to the bucket
    prefix: str
    file_time: str  # as in the name, `2026-11-18T0531`
    visible_at: int
    states: tuple[Snapshot, ...]
    style: Style
    terse_flags: bool

    def body(self) -> bytes:
        if self.style.is_empty:
            return b""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n" if self.style.crlf else "\n")
        header = PROSPECTS if self.prefix == PROSPECT else ORDERS
        writer.writerow(varied(header) if self.style.varied_header else header)
        for state in self.states:
            if self.prefix == PROSPECT:
                writer.writerow(prospect_line(state.order, self.terse_flags))
            else:
                writer.writerows(order_lines(state, self.terse_flags))
        body = text.getvalue().encode("utf-8-sig" if self.style.bom else "utf-8")
        return gzip.compress(body, mtime=0) if self.style.gzipped else body


class Deliveries:
    """All files of one client whose name's date lies in a range of days."""

    def __init__(self, world: World, book: OrderBook) -> None:
        self._world = world
        self._book = book
        self._days: dict[tuple[str, date], list[Delivery]] = {}

    def between(self, client: str, start: date, end: date) -> list[Delivery]:
        if not self._world.has_orders:
            return []
        found = []
        day = start
        while day <= end:
            key = (client, day)
            if key not in self._days:
                self._days[key] = list(self._of(client, day))
            found += self._days[key]
            day += timedelta(days=1)
        return found

    def _of(self, client: str, day: date) -> Iterator[Delivery]:
        """Files of the morning of `day`, about the day before, with their oddities."""
        turn: Callable[[str, int], bool] = lambda name, every: self._world.turn(  # noqa: E731
            client, day, name, every
        )
        until = day_bounds(day)[0]
        delivered = int(datetime.combine(day, DELIVERED_AT, BUSINESS_ZONE).timestamp())
        created = self._created(client, day - timedelta(days=1), until)
        updated = self._updated(client, day - timedelta(days=1), until)
        prospects = tuple(state for state in created if state.order.depth == 0)[::2]

        create = self._file(
            client, CREATE, day, "0531", delivered, created,
            Style(bom=turn("bom", 5), crlf=turn("crlf", 4), gzipped=turn("gzip", 16)),
        )  # fmt: skip
        yield create
        if turn("again", 12):
            yield self._file(client, CREATE, day, "0531", delivered + 2 * HOUR, created,
                             create.style, suffix="again")  # fmt: skip
        if turn("shrunk", 18):
            yield _later(create, 2 * DAY + 5 * HOUR, created[: -max(3, len(created) // 20)])

        update = self._file(
            client, UPDATE, day, "0531", delivered, updated,
            Style(crlf=turn("crlf", 3), varied_header=turn("header", 17)),
        )  # fmt: skip
        if turn("uploading", 15):
            yield _later(update, 0, (), Style(is_empty=True))
            yield _later(update, 4 * HOUR + 1200, updated)
        else:
            yield update
        if turn("header only", 10):
            yield self._file(client, UPDATE, day, "1201", delivered + 6 * HOUR + 1800, (), Style())

        yield self._file(client, PROSPECT, day, "0531", delivered, prospects,
                         Style(bom=turn("bom", 7)))  # fmt: skip

    def _file(
        self, client: str, prefix: str, day: date, hour: str, visible_at: int,
        states: tuple[Snapshot, ...], style: Style, suffix: str = "",
    ) -> Delivery:  # fmt: skip
        file_time = f"{day.isoformat()}T{hour}"
        tail = hashlib.sha256(f"{client}|{prefix}|{file_time}|{suffix}".encode()).hexdigest()[:4]
        name = f"report_{file_time}_{tail}.csv" + (".gz" if style.gzipped else "")
        terse = self._world.profiles[client].terse_flags
        return Delivery(
            client, f"{prefix}/{name}", prefix, file_time, visible_at, states, style, terse
        )

    def _created(self, client: str, day: date, until: int) -> tuple[Snapshot, ...]:
        orders = sorted(self._book.orders(client, day), key=lambda order: order.placed_at)
        return tuple(snapshot(order, until) for order in orders)

    def _updated(self, client: str, day: date, until: int) -> tuple[Snapshot, ...]:
        """Orders of any age that changed on `day`, plus a few new ones."""
        found = [
            order
            for age in range(LONGEST_MEMORY, -1, -1)
            for order in self._book.changed(client, day - timedelta(days=age), day)
        ]
        known = {order.order_id for order in found}
        found += [
            order
            for order in self._book.orders(client, day)
            if order.luck % 30 == 0 and order.order_id not in known
        ]
        return tuple(snapshot(order, until) for order in found)


def _later(
    first: Delivery, seconds: int, states: tuple[Snapshot, ...], style: Style | None = None
) -> Delivery:
    """The same key uploaded again with other content."""
    return Delivery(
        first.client, first.key, first.prefix, first.file_time, first.visible_at + seconds,
        states, style or first.style, first.terse_flags,
    )  # fmt: skip


def standing(deliveries: list[Delivery], now: int) -> dict[str, Delivery]:
    """The bucket's contents at `now`: the newest upload of every key."""
    found: dict[str, Delivery] = {}
    for delivery in sorted(deliveries, key=lambda delivery: delivery.visible_at):
        if delivery.visible_at <= now:
            found[delivery.key] = delivery
    return found
