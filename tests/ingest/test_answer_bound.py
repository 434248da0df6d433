"""An answer above the size limit: a pull requests less at a time, or names what was too large."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from ingest.http import RateLimit
from ingest.model import Window
from sandbox import Agency
from signalroom.errors import TooLargeError
from tests.ingest.reading import extract, plain, pull_of, rows_of

DAYS = Window(date(2026, 11, 12), date(2026, 11, 15))


@pytest.fixture
def agency(start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch) -> Agency:
    agency = start_agency()
    agency.caps.redtrack_reports_per_minute = 10_000
    limit = RateLimit(calls=1000, seconds=1.0)
    monkeypatch.setattr("ingest.sources.redtrack.client.RATE_LIMIT", limit)
    monkeypatch.setattr("ingest.sources.redtrack.client.PATH_LIMITS", {})
    for name, value in agency.environment().items():
        monkeypatch.setenv(name, value)
    return agency


@pytest.mark.fault(27)
@pytest.mark.parametrize(
    ("source", "table", "one_day_mb", "less_mb", "path"),
    [
        ("everflow", "daily_stats", "0.02", "0.005", "/networks/reporting/entity/table"),
        ("redtrack", "daily_spend", "0.005", "0.002", "/report"),
        ("posthog", "events", "0.2", "0.0005", "/query"),
    ],
)
def test_what_is_too_large_is_asked_in_parts_and_fails_at_the_smallest_by_name(
    agency: Agency,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    table: str,
    one_day_mb: str,
    less_mb: str,
    path: str,
) -> None:
    def read(megabytes: str) -> tuple[Counter[tuple[str, ...]], int]:
        monkeypatch.setenv("SIGNALROOM_HTTP_MAX_ANSWER_MB", megabytes)
        before = len(agency.requests)
        pull = pull_of(source, window=DAYS, resources=(table,))
        found = rows_of(extract(pull, source)[table])
        columns = sorted(name for name in found[0] if not name.startswith("_"))
        return plain(found, columns), len(agency.requests) - before

    whole, few = read("64")
    parts, more = read(one_day_mb)
    assert parts == whole
    assert sum(whole.values()) > 30
    assert more > few
    with pytest.raises(TooLargeError, match=rf"^{source} for client 713: .*{path}.* answers more"):
        read(less_mb)
