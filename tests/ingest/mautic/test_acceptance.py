"""Mautic against the simulated agency."""

from __future__ import annotations

from datetime import date, datetime

from ingest.model import Window
from ingest.privacy.policy import Hasher
from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from tests.ingest.acceptance import Acceptance, Table
from tests.ingest.reading import extract, pull_of, rows_of

HASHER = Hasher(b"salt-of-the-tests")


class TestMautic(Acceptance):
    source = vendor = "mautic"
    window = Window(date(2026, 10, 31), date(2026, 11, 2))
    first_table = "email_stats"
    clients = ("713",)  # only this client has an instance
    credential = "MAUTIC_CLIENT_SECRET"
    bad_credential = "wrong-mautic-secret"
    # a running day; then its first opens; then weeks of them
    moments = (
        datetime(2026, 11, 2, 15, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 3, 9, 0, tzinfo=BUSINESS_ZONE),
        datetime(2026, 11, 28, 9, 0, tzinfo=BUSINESS_ZONE),
    )

    def truth(self, agency: Agency, client_id: str) -> dict[str, Table]:
        found = agency.truth(client_id, self.window.start, self.window.end)
        return {
            "contacts": [
                {name: value for name, value in row.items() if name != "is_unsubscribed"}
                | {"email": HASHER.hash(str(row["email"]))}
                for row in found.mautic_contacts
            ],
            "emails": found.mautic_emails,
            "campaigns": found.mautic_campaigns,
            "email_stats": [
                {**row, "email_address": HASHER.hash(str(row["email_address"]))}
                for row in found.mautic_email_stats
            ],
        }

    def test_the_moments_hold_every_kind_of_restatement(self, agency: Agency) -> None:
        """Without these differences the test of restatement would prove too little."""
        opens, contacts, orphans = [], [], []
        for moment in self.moments:
            agency.set_now(moment)
            found = agency.truth("713", self.window.start, self.window.end)
            opens.append(sum(int(str(row["open_count"])) for row in found.mautic_email_stats))
            contacts.append({row["id"] for row in found.mautic_contacts})
            orphans.append(sum(row["lead_id"] is None for row in found.mautic_email_stats))
        assert opens[0] < opens[1] < opens[2]
        assert contacts[0] - contacts[2]
        assert orphans[0] < orphans[2]

    def test_who_unsubscribed_is_known_and_their_words_are_not(self, agency: Agency) -> None:
        read = rows_of(extract(pull_of("mautic", resources=("contacts",)), "mautic")["contacts"])
        expected = {
            row["id"]: row["is_unsubscribed"] for row in agency.truth("713").mautic_contacts
        }
        assert {row["id"]: row["do_not_contact"] != "[]" for row in read} == expected
        assert any(expected.values())
        assert "@" not in str(read)
        assert "asked to stop" in str(read)
