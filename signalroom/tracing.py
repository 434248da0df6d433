"""Traces (OpenTelemetry): one for each run, across its processes.

Sent by OTLP if OTEL_EXPORTER_OTLP_ENDPOINT is set; disabled without it, or without the extra
`otel`. A run's trace id is derived from the run's id: its children, which have that id, add their
spans to the same trace. Spans have names of steps, sources, tables, models and channels, and
counts: no data, no recipients, no URLs.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from signalroom import current_run

log = logging.getLogger(__name__)
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Value = str | int | float | bool
_forced = threading.local()


@contextmanager
def span(name: str, **attributes: Value) -> Iterator[None]:
    """Time the body; an error marks the span as failed, with only its class."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    from opentelemetry.trace import Status, StatusCode, get_current_span

    context = None if get_current_span().get_span_context().is_valid else _of_run()
    with tracer.start_as_current_span(
        name,
        context=context,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def annotate(**attributes: Value) -> None:
    """Add to the span that is open here."""
    if _tracer() is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(attributes)


def record(
    name: str, begun: datetime, ended: datetime, failed: str = "", **attributes: Value
) -> None:
    """A span of something that has ended; `failed` is the class of its error."""
    tracer = _tracer()
    if tracer is None:
        return
    from opentelemetry.trace import get_current_span

    context = None if get_current_span().get_span_context().is_valid else _of_run()
    current = tracer.start_span(name, context, start_time=_ns(begun), attributes=attributes)
    _finish(current, ended, failed)


def record_run(
    run_id: str, begun: datetime, ended: datetime, failed: str = "", **attributes: Value
) -> None:
    """The root span of a run; written when the run has ended."""
    tracer = _tracer()
    if tracer is None:
        return
    from opentelemetry.context import Context

    _forced.ids = _ids(run_id)
    try:
        current = tracer.start_span(
            "run", Context(), start_time=_ns(begun), attributes={"run_id": run_id, **attributes}
        )
    finally:
        _forced.ids = None
    _finish(current, ended, failed)


def environment() -> Mapping[str, str]:
    """The variables that a child needs to send its spans too."""
    return {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}


def _finish(current: Any, ended: datetime, failed: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    if failed:
        current.set_status(Status(StatusCode.ERROR, failed))
    current.end(_ns(ended))


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


def _ids(run_id: str) -> tuple[int, int]:
    """Trace and root span of a run."""
    digest = hashlib.sha256(run_id.encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


def _of_run() -> Any:
    """The context of the run that this process works for; None outside of any."""
    run_id = current_run.run_id()
    if not run_id:
        return None
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    trace_id, span_id = _ids(run_id)
    parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(parent))


@cache
def _tracer() -> Any:
    """The tracer of this process; None if traces are off."""
    if not os.environ.get(ENDPOINT, "").strip():
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ImportError:
        log.warning("%s is set, but traces need the extra: uv sync --extra otel", ENDPOINT)
        return None

    class Ids(RandomIdGenerator):
        """Random ids, except for the span of a run."""

        def generate_span_id(self) -> int:
            forced = getattr(_forced, "ids", None)
            return forced[1] if forced else super().generate_span_id()

        def generate_trace_id(self) -> int:
            forced = getattr(_forced, "ids", None)
            return forced[0] if forced else super().generate_trace_id()

    provider = TracerProvider(
        resource=Resource.create({"service.name": "signalroom"}), id_generator=Ids()
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=5)))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("signalroom")
