"""PostHog against the simulated agency."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

from ingest.model import Window
from ingest.privacy.policy import Hasher
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from sandbox.visits import QA
from tests.ingest.acceptance import Acceptance, Table
from tests.ingest.reading import extract, pull_of, rows_of

HASHER = Hasher(b"salt-of-the-tests")


class TestPostHog(Acceptance):
    source = vendor = "posthog"
    # the clocks go back on the first: that day has 25 hours
    window = Window(date(2026, 10, 31), date(2026, 11, 2))
    first_table = "events"
    credential = "POSTHOG_API_KEY"
    bad_credential = "wrong-posthog-key"
    # a running day; then the next morning; then weeks later, when the last phone was online again
    moments = (
        datetime(2026, 11, 2, 15, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 3, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 25, 9, 0, tzinfo=BUSINESS_ZONE),
    )

    def truth(self, agency: Agency, client_id: str) -> dict[str, Table]:
        found = agency.truth(client_id, self.window.start, self.window.end)
        return {
            "events": [guarded_event(row) for row in found.posthog_events],
            "feature_flags": [
                {**row, "filters": str(row["filters"]).replace(QA, HASHER.hash(QA))}
                for row in found.posthog_feature_flags
            ],
            "experiments": found.posthog_experiments,
        }

    def test_the_moments_hold_every_kind_of_restatement(self, agency: Agency) -> None:
        """Without these differences the test of restatement would prove too little."""
        events, flags = [], []
        for moment in self.moments:
            agency.set_now(moment)
            found = agency.truth("713", self.window.start, self.window.end)
            events.append({row["uuid"]: row["date"] for row in found.posthog_events})
            flags.append({row["id"] for row in found.posthog_feature_flags})
        first = self.window.start
        late = [one for one in events[1].keys() - events[0].keys() if events[1][one] == first]
        later = [one for one in events[2].keys() - events[1].keys() if events[2][one] == first]
        assert late
        assert later
        assert flags[0] - flags[2]

    def test_events_come_late_and_the_overlap_brings_them(
        self, agency: Agency, monkeypatch: Any
    ) -> None:
        """Events that become known only two days after they happened are read by then."""
        day = date(2026, 11, 16)
        closed = datetime(2026, 11, 17, 0, 5, tzinfo=BUSINESS_ZONE)
        read = []
        for moment in (closed, closed + timedelta(days=2)):
            self.move(agency, moment, monkeypatch)
            pull = pull_of("posthog", window=Window(day, day), resources=("events",))
            read.append({row["uuid"] for row in rows_of(extract(pull, "posthog")["events"])})
        assert read[0] < read[1]


def guarded_event(row: dict[str, Any]) -> dict[str, Any]:
    """A true event as raw may contain it: addresses hashed, other personal data removed."""
    found = {name: value for name, value in row.items() if name != "email"}
    if "@" in row["distinct_id"]:
        found["distinct_id"] = HASHER.hash(row["distinct_id"])
    if row["email"]:
        properties = json.loads(row["properties"])
        properties["$set"]["email"] = HASHER.hash(row["email"])
        found["properties"] = json.dumps(
            properties, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
    return found
