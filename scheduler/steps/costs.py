"""The cost of a pull, recorded for metrics and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import meter
from signalroom import counters, pull_log

if TYPE_CHECKING:
    from scheduler.steps.ingest import PullResult


def keep_cost(one: PullResult) -> None:
    """Add to the sums of the metrics, and write a row of the log."""
    requests, waited = meter.taken(one.source, one.client)
    by_status = {(one.source, one.client, status): n for status, n in requests.items()}
    counters.add("vendor_requests", by_status)
    counters.add("rate_limit_wait_ms", {(one.source, one.client, ""): waited})
    if one.off or one.paused:
        return  # nothing was requested
    pull_log.record(
        one.client,
        one.source,
        one.rows,
        status=one.status,
        error_class=one.error_class,
        changed=one.changed,
        rejected_rows=one.rejected_rows,
        requests=sum(requests.values()),
        wait_ms=waited,
        took_ms=round(one.seconds * 1000),
    )
