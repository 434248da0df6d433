"""Traces: one for a run across processes, nothing personal in it; nothing at all when off."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

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


class Receiver(BaseHTTPRequestHandler):
    """What a collector hears at /v1/traces."""

    bodies: ClassVar[list[tuple[str, bytes]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    class Own(Receiver):
        bodies: ClassVar[list[tuple[str, bytes]]] = []

    with HTTPServer(("127.0.0.1", 0), Own) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", Own.bodies
        server.shutdown()


def run(code: str, **env: str) -> None:
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, check=True, timeout=60)


def test_processes_of_a_run_make_traces_of_their_own_or_tell_data(
    collector: tuple[str, list[tuple[str, bytes]]],
) -> None:
    address, bodies = collector
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
    run(CHILD, SIGNALROOM_RUN_ID="hourly-1", **on)
    run(SCHEDULER, **on)
    assert {path for path, _ in bodies} == {"/v1/traces"}
    spans: dict[str, Any] = {}
    for _, body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                spans |= {one.name: one for one in scope.spans}
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
    sent = b"".join(body for _, body in bodies)
    assert b"example" not in sent
    assert b"secret" not in sent


def test_traces_that_are_off_cost_an_import_or_a_request(
    collector: tuple[str, list[tuple[str, bytes]]],
) -> None:
    _, bodies = collector
    code = (
        CHILD + "import sys\nassert not any(one.startswith('opentelemetry') for one in sys.modules)"
    )
    run(code, SIGNALROOM_RUN_ID="hourly-1", OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert bodies == []
