"""Everflow against the simulated agency."""

from __future__ import annotations

from datetime import date, datetime

from ingest.model import Window
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from tests.ingest.acceptance import Acceptance, Table

# UTC midnights for client 713, local midnights for cti: covers both forms of the date column
WINDOW = Window(date(2026, 11, 8), date(2026, 11, 10))


class TestEverflow(Acceptance):
    source = vendor = "everflow"
    window = WINDOW
    first_table = "daily_stats"
    credential = "EVERFLOW_API_KEY"
    bad_credential = "wrong-everflow-key"
    # a running day; then one day emptied and a row gone; then all of it restated
    moments = (
        datetime(2026, 11, 10, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 11, 15, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 25, 9, 0, tzinfo=BUSINESS_ZONE),
    )

    def truth(self, agency: Agency, client_id: str) -> dict[str, Table]:
        found = agency.truth(client_id, self.window.start, self.window.end)
        tables = (
            "daily_stats",
            "conversions",
            "adjustments",
            "affiliates",
            "advertisers",
            "offers",
            "tracking_codes",
        )
        return {table: getattr(found, table) for table in tables}

    def test_the_moments_hold_every_kind_of_restatement(self, agency: Agency) -> None:
        """Without these differences the test of restatement would prove too little."""
        days, rows, conversions, states = [], [], [], []
        for moment in self.moments:
            agency.set_now(moment)
            found = agency.truth("713", self.window.start, self.window.end)
            days.append({row["date"] for row in found.daily_stats})
            rows.append({(row["date"], row["affiliate_id"]) for row in found.daily_stats})
            conversions.append({row["conversion_id"] for row in found.conversions})
            states.append({row["conversion_id"]: row["status"] for row in found.conversions})
        emptied = date(2026, 11, 9)
        assert [emptied in seen for seen in days] == [True, False, True]
        assert (date(2026, 11, 8), 28) in rows[0] - rows[1] - rows[2]
        assert conversions[2] - conversions[0]
        changed = [
            one for one in conversions[0] & conversions[2] if states[0][one] != states[2][one]
        ]
        assert {states[2][one] for one in changed} == {"approved", "rejected"}
