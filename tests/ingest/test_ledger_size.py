"""The size of the version ledger: hourly pulls of a year must not create too many rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from signalroom.versioned import VERSIONED

LIMIT = 1_500_000  # rows for a year of the simulated agency
HOURS = range(7, 24)  # of the hourly pulls
NIGHT = 5  # the hour of the nightly pull
DAYS, NIGHTLY_DAYS, SUNDAY_DAYS = 4, 35, 95
# table -> the name of its rows in the agency's truth
TRUTH = {"redtrack.offers": "redtrack_offers"}
Row = dict[str, object]
Known = dict[tuple[str, str], dict[str, Row]]


def versions(agency: Agency, known: Known, first: date, days: int) -> int:
    """The number of versions after this many days of pulls, by the agency's truth at each pull."""
    found = 0
    for number in range(days):
        day = first + timedelta(days=number)
        for hour in (NIGHT, *HOURS):
            agency.set_now(datetime(day.year, day.month, day.day, hour, 5, tzinfo=BUSINESS_ZONE))
            nightly = SUNDAY_DAYS if day.weekday() == 6 else NIGHTLY_DAYS
            start = day - timedelta(days=(nightly if hour == NIGHT else DAYS) - 1)
            for client in agency.clients:
                truth = agency.truth(client, start, day)
                for table, (key, others) in VERSIONED.items():
                    rows = getattr(truth, TRUTH.get(table, table.partition(".")[2]))
                    seen = known.setdefault((client, table), {})
                    found += pulled(seen, rows, list(key), [*key, *others], start)
    return found


def pulled(
    seen: dict[str, Row], rows: list[Row], key: list[str], columns: list[str], start: date
) -> int:
    """Versions that one pull of the rows adds: changed rows, and rows missing from its days."""
    now = {
        str([row.get(name) for name in key]): {name: row.get(name) for name in columns}
        for row in rows
    }
    gone = [
        one
        for one, row in seen.items()
        if one not in now and not (isinstance(day := row.get("date"), date) and day < start)
    ]
    changed = {one: row for one, row in now.items() if seen.get(one) != row}
    for one in gone:
        del seen[one]
    seen.update(changed)
    return len(gone) + len(changed)


@pytest.mark.parametrize("days", [1, pytest.param(30, marks=pytest.mark.deep)])
def test_a_year_of_pulls_makes_few_enough_versions(days: int) -> None:
    with Agency() as agency:
        first = agency.calendar.today() - timedelta(days=45)
        known: Known = {}
        versions(agency, known, first - timedelta(days=1), 1)  # the state before the first day
        found = versions(agency, known, first, days)
    assert 0 < found * 365 / days < LIMIT, f"{found:,} versions in {days} days"
