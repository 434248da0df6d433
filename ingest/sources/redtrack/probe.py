"""Checks RedTrack by requesting one row of one day's report."""

from __future__ import annotations

from ingest.model import Pull
from ingest.sources.redtrack.client import Account, entries_of
from signalroom import clock


def probe(pull: Pull) -> list[str]:
    """Never any warnings; raises SourceError where the key or the report is refused."""
    account = Account(pull)
    params: dict[str, str | int] = {
        "group": "date",
        "date_from": pull.window.start.isoformat(),
        "date_to": pull.window.end.isoformat(),
        "timezone": clock.zone().key,
        "per": 1,
        "page": 1,
    }
    entries_of(account, "report", account.http.get("/report", params))
    return []
