"""RedTrack against the simulated agency."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from ingest.http import RateLimit
from ingest.model import Window
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from tests.ingest.acceptance import Acceptance, Table


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agency's minutes are short, so the limit of 20 calls per minute is raised."""
    limit = RateLimit(calls=1000, seconds=1.0)
    monkeypatch.setattr("ingest.sources.redtrack.client.RATE_LIMIT", limit)
    monkeypatch.setattr("ingest.sources.redtrack.client.PATH_LIMITS", {})


OFFER = ("_client_id", "id", "title")  # the Everflow part of the URL is parsed in the models


class TestRedTrack(Acceptance):
    source = vendor = "redtrack"
    window = Window(date(2026, 11, 8), date(2026, 11, 10))
    first_table = "daily_spend"
    credential = "REDTRACK_API_KEY"
    bad_credential = "wrong-redtrack-key"
    # a running day; then costs rewritten; then a source gone too
    moments = (
        datetime(2026, 11, 10, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 11, 15, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 26, 9, 0, tzinfo=BUSINESS_ZONE),
    )

    def truth(self, agency: Agency, client_id: str) -> dict[str, Table]:
        found = agency.truth(client_id, self.window.start, self.window.end)
        tables = ("daily_spend", "campaign_spend", "campaigns", "sources")
        known = {table: getattr(found, table) for table in tables}
        offers = [{name: row[name] for name in OFFER} for row in found.redtrack_offers]
        return {**known, "conversions": found.redtrack_conversions, "offers": offers}

    def test_the_moments_hold_every_kind_of_restatement(self, agency: Agency) -> None:
        """Without these differences the test of restatement would prove too little."""
        costs = []
        for moment in self.moments:
            agency.set_now(moment)
            found = agency.truth("713", self.window.start, self.window.end)
            costs.append(
                {(row["date"], row["source_id"]): row["cost"] for row in found.daily_spend}
            )
        day = date(2026, 11, 8)
        assert {one for one in costs[0].keys() - costs[2].keys() if one[0] == day}
        closed = [one for one in costs[0].keys() & costs[2].keys() if one[0] == day]
        assert any(costs[0][one] != costs[2][one] for one in closed)
