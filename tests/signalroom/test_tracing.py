"""Traces: one per run across processes, without personal data; no cost at all when off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.collector import Collector, collecting

SCHEDULER = """
from datetime import timedelta
from signalroom import clock, tracing
now = clock.instant()
tracing.record_run("hourly-1", now - timedelta(seconds=9), now, job="hourly")
"""
CHILD = """
from datetime import timedelta
from signalroom import clock, tracing
now = clock.instant()
try:
    with tracing.span("source", source="everflow", client="713"):
        with tracing.span("request", source="everflow"):
            tracing.annotate(status=503)
        raise ValueError("ann@example.org was refused at https://vendor.example/?key=secret")
except ValueError:
    pass
tracing.record("dbt node", now - timedelta(seconds=2), now, "failed", node="model.x")
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def run(code: str, **env: str) -> None:
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, check=True, timeout=60)


def test_processes_of_a_run_make_traces_of_their_own_or_tell_data(
    collector: Collector,
) -> None:
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}
    run(CHILD, SIGNALROOM_RUN_ID="hourly-1", **on)
    run(SCHEDULER, **on)
    assert {path for path, _ in collector.bodies} == {"/v1/traces"}
    spans = {one.name: one for one in collector.spans()}
    assert set(spans) == {"run", "source", "request", "dbt node"}
    root = spans["run"]
    assert not root.parent_span_id
    assert {one.trace_id for one in spans.values()} == {root.trace_id}
    assert spans["source"].parent_span_id == root.span_id
    assert spans["dbt node"].parent_span_id == root.span_id
    assert spans["request"].parent_span_id == spans["source"].span_id
    assert root.end_time_unix_nano - root.start_time_unix_nano == 9_000_000_000
    assert spans["source"].status.message == "ValueError"
    assert not spans["source"].events
    sent = b"".join(body for _, body in collector.bodies)
    assert b"example" not in sent
    assert b"secret" not in sent


def test_traces_that_are_off_cost_an_import_or_a_request(
    collector: Collector,
) -> None:
    code = (
        CHILD + "import sys\nassert not any(one.startswith('opentelemetry') for one in sys.modules)"
    )
    run(code, SIGNALROOM_RUN_ID="hourly-1", OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert collector.bodies == []
