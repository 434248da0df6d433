"""The event log: the same for everyone, and always with its traps."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from sandbox import Agency
from sandbox.clock import DEFAULT_NOW, days_between
from sandbox.events import DayLog
from sandbox.orders.book import OrderBook
from sandbox.orders.delivery import Deliveries
from sandbox.world import World

TODAY = DEFAULT_NOW.date()
RECENT = days_between(TODAY - timedelta(days=35), TODAY - timedelta(days=1))
CLIENTS = ("713", "cti")
DAY = 86400


def test_a_day_depends_on_the_order_in_which_days_are_asked_for() -> None:
    days = days_between(TODAY - timedelta(days=12), TODAY)
    shuffled = random.Random(1).sample(days, len(days))
    forward, other = World(713), World(713)
    expected = {(client, day): forward.day(client, day) for client in CLIENTS for day in days}
    found = {(client, day): other.day(client, day) for client in CLIENTS[::-1] for day in shuffled}
    assert found == expected


def test_another_seed_gives_the_same_world() -> None:
    assert World(713).day("713", TODAY) != World(714).day("713", TODAY)


def test_a_files_bytes_differ_between_two_agencies() -> None:
    def bodies(days: list[date]) -> dict[str, bytes]:
        world = World(713)
        deliveries = Deliveries(world, OrderBook(world))
        found = [row for day in days for row in deliveries.between("713", day, day)]
        return {f"{row.key} {row.visible_at}": row.body() for row in found}

    days = days_between(TODAY - timedelta(days=3), TODAY)
    assert bodies(days) == bodies(days[::-1])


@pytest.mark.parametrize("day", [date(2024, 2, 29), date(2026, 3, 8), date(2026, 11, 1)])
def test_a_day_long_ago_or_of_changing_clocks_is_missing(day: date) -> None:
    log = World(713).day("713", day)
    assert len(log.conversions) > 100
    assert len(log.spend) > 5


def test_building_the_history_takes_too_long() -> None:
    began = time.process_time()
    world = World(713)
    deliveries = Deliveries(world, OrderBook(world))
    for client in CLIENTS:
        for day in days_between(TODAY - timedelta(days=95), TODAY):
            world.day(client, day)
        deliveries.between(client, TODAY - timedelta(days=95), TODAY)
    assert time.process_time() - began < 20.0


@pytest.mark.parametrize("client", CLIENTS)
def test_a_days_volume_is_unlike_a_real_agencys(client: str) -> None:
    counts = [len(World(713).day(client, day).conversions) for day in RECENT]
    assert all(100 <= count <= 280 for count in counts)


def _late(log: DayLog, seconds: int) -> int:
    return sum(row.booked_at - row.at > seconds for row in log.conversions)


def _scrubbed(log: DayLog, after: int) -> int:
    return sum(
        change.status == "rejected" and change.known_at - row.at > after
        for row in log.conversions
        for change in row.changes
    )


TRAPS: dict[str, Callable[[DayLog], int]] = {
    "booked hours late": lambda log: _late(log, 2 * 3600),
    "booked days late": lambda log: _late(log, 2 * DAY),
    "scrubbed soon": lambda log: _scrubbed(log, 0),
    "scrubbed after the hourly window of three days": lambda log: _scrubbed(log, 3 * DAY),
    "scrubbed after the nightly window of 35 days": lambda log: _scrubbed(log, 35 * DAY),
    "payout changed": lambda log: sum(
        change.payout is not None for row in log.conversions for change in row.changes
    ),
    "revenue changed": lambda log: sum(
        change.revenue is not None for row in log.conversions for change in row.changes
    ),
    "on hold at first": lambda log: sum(row.status == "pending" for row in log.conversions),
    "view-through": lambda log: sum(row.is_view_through for row in log.conversions),
    "payout with parts of a cent": lambda log: sum(
        row.payout != round(row.payout, 2) for row in log.conversions
    ),
    "day emptied for a while": lambda log: log.emptied is not None and log.emptied.end is not None,
    "row of a past day vanished": lambda log: sum(cell.hidden is not None for cell in log.cells),
    "cost rewritten": lambda log: sum(len(row.costs) > 1 for row in log.spend),
    "cost rewritten after three days": lambda log: sum(
        row.costs[-1].known_at - row.costs[0].known_at > 0 and len(row.costs) > 2
        for row in log.spend
    ),
    "cost of a true zero": lambda log: sum(row.costs[-1].total == 0 for row in log.spend),
    "cost with parts of a cent": lambda log: sum(
        row.costs[0].total != round(row.costs[0].total, 2) for row in log.spend
    ),
    "spend row vanished": lambda log: sum(row.hidden is not None for row in log.spend),
    "metric left out": lambda log: sum(bool(row.left_out) for row in log.spend),
    "no conversions but others": lambda log: sum(
        row.conversions == 0 and row.total_conversions > 0 for row in log.spend
    ),
    "label with a blank behind it": lambda log: sum(
        cell.label != cell.label.rstrip() for cell in log.cells
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_never_occurs_in_the_last_35_days(trap: str) -> None:
    world = World(713)
    assert any(TRAPS[trap](world.day("713", day)) for day in RECENT)


def test_an_emptied_day_is_yesterday() -> None:
    """Otherwise yesterday's daily report would be affected by the trap every other week."""
    for client in CLIENTS:
        for day in RECENT:
            emptied = World(713).day(client, day).emptied
            if emptied is not None:
                seven_next_morning = DEFAULT_NOW.replace(
                    year=day.year, month=day.month, day=day.day, hour=7, minute=45
                ) + timedelta(days=1)
                assert not emptied.covers(int(seven_next_morning.timestamp()))


def test_label_traps_are_missing() -> None:
    world = World(713)
    spellings: dict[str, set[str]] = {}
    ids: dict[tuple[str, int], set[int]] = {}
    for day in RECENT:
        for cell in world.day("713", day).cells:
            folded = cell.label.strip().lower()
            spellings.setdefault(folded, set()).add(cell.label.strip())
            ids.setdefault((folded, cell.advertiser_id), set()).add(cell.affiliate_id)
    assert spellings["blue bench"] == {"Blue Bench", "BLUE BENCH"}
    assert ids[("sb - meta", 1)] == {12, 52}
    assert ids[("g2 - google", 1)] != ids[("g2 - google", 2)]


def test_unmapped_or_idle_parties_are_missing() -> None:
    world = World(713)
    known = {row.source_id for row in world.profiles["713"].mapping}
    names = {
        row.source_name
        for day in RECENT
        for row in world.day("713", day).spend
        if row.source_id not in known
    }
    assert "New Source" in names
    idle = [row for row in world.profiles["713"].affiliates if row.volume == 0]
    unpaid = [row for row in world.profiles["713"].affiliates if row.label == "AC Email"]
    assert [row.label for row in idle] == ["Venture Beyond"]
    assert unpaid[0].payout == 0
    converted = {row.affiliate_id for day in RECENT for row in world.day("713", day).conversions}
    assert idle[0].affiliate_id not in converted
    assert unpaid[0].affiliate_id in converted


def test_a_new_line_in_the_clients_file_changes_nothing(agency: Agency) -> None:
    """Sources and internal affiliates come from the repository's file, in its spelling."""
    names = {row.name for row in agency.stage.world.profiles["713"].sources}
    assert {"Meta CCW AWF2 ", "Bing, Search CCW", "Taboola Test"} <= names
