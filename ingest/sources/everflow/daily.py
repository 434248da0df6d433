"""Everflow's daily totals by affiliate and advertiser, complete or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.http import VendorClient
from ingest.landing import Pull, Row, Window
from ingest.sources.everflow.advertisers import rows_by_advertiser
from ingest.sources.everflow.daily_stats import ask_table, daily_row
from ingest.windows import slices


def daily_rows(http: VendorClient, pull: Pull, window: Window, zone_id: int) -> Iterator[Row]:
    """Rows by date, affiliate and advertiser.

    An answer cut off at 10,000 rows is asked for again in smaller windows, a single day by
    advertiser. Raises AnswerError where that does not give all of it.
    """
    table, is_cut = ask_table(http, pull, window, zone_id)
    days = (window.end - window.start).days + 1
    if not is_cut:
        yield from (daily_row(pull, window, entry) for entry in table)
    elif days == 1:
        pull.say(f"{window}: cut off at {len(table):,} rows, asking by advertiser")
        yield from rows_by_advertiser(http, pull, window, zone_id, table)
    else:
        pull.say(f"{window}: cut off at {len(table):,} rows, asking in halves")
        for half in slices(window, (days + 1) // 2):
            yield from daily_rows(http, pull, half, zone_id)
