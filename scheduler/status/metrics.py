"""Metrics in Prometheus' text format, computed from the ledger at each scrape.

Counters are sums over the ledger, so that they survive a restart of the process. Labels are names
of jobs, steps, clients, sources, channels and states: a bounded set, no data.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from reports.alerts.rules.rules import RULES
from scheduler.status.checks import KINDS
from scheduler.status.freshness import Freshness
from scheduler.status.status import Status, read_status
from signalroom import counters
from signalroom.errors import SignalRoomError
from signalroom.run_database import prepared_engine
from signalroom.settings import target
from signalroom.tables import OUTBOX, RUNS, STEPS

Counts = Sequence[tuple[counters.Labels, int]]
ALERT_KINDS = ("step_failed", "delivery_failed", *sorted(KINDS))
Samples = list[tuple[Sequence[str], float]]


def exposition(accept: str = "") -> tuple[str, str]:
    """Content type and text of /metrics, in the format of the Accept header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Now())
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version without numbers
        encode, content_type = choose_encoder("")
    return content_type, encode(registry).decode()


class _Now(Collector):
    """The current state of the ledger, the outbox and the warehouse."""

    def collect(self) -> Iterator[Metric]:
        status = read_status(1)
        yield from _process(status)
        yield from _jobs(status)
        if status.freshness:
            yield from _warehouse(status, status.freshness)
        is_read = True
        try:
            yield from _history()
        except (SignalRoomError, SQLAlchemyError):
            is_read = False
        read = is_read and not status.unreadable
        yield _gauge("readable", "Whether all sources of these metrics could be read", value=read)


def _gauge(name: str, words: str, labels: Sequence[str] = (), **given: Any) -> Metric:
    family = GaugeMetricFamily(f"signalroom_{name}", words, labels=labels)
    if "value" in given:
        family.add_metric((), float(given["value"]))
    for values, number in given.get("samples", ()):
        family.add_metric(values, number)
    return family


def _process(status: Status) -> Iterator[Metric]:
    if status.incidents is not None:
        severities = [one.severity for one in status.incidents]
        names = ("critical", "warning", "notice")
        samples: Samples = [((name,), severities.count(name)) for name in names]
        yield _gauge("incidents_open", "Open alerts", ["severity"], samples=samples)
        kinds = Counter(one.kind for one in status.incidents)
        samples = [((kind,), kinds[kind]) for kind in ALERT_KINDS]
        yield _gauge("alerts_open", "Open alerts by what is wrong", ["kind"], samples=samples)
        rules = Counter(
            one.subject.partition(":")[0] for one in status.incidents if one.kind == "anomaly"
        )
        samples = [((rule,), rules[rule]) for rule in RULES]
        yield _gauge("anomalies_open", "Open anomalies by the rule", ["rule"], samples=samples)
        yield _gauge("alerts_snoozed", "Open alerts that are snoozed", value=len(status.snoozed))
    if not status.is_ledger_read:
        return  # unknown is not zero
    if status.beat:
        at = status.beat.at.timestamp()
        yield _gauge("last_tick_timestamp_seconds", "The scheduler's last tick", value=at)
    yield _gauge("scheduler_alive", "Whether it has ticked in three minutes", value=status.is_alive)
    yield _gauge("runs_open", "Runs that are due, running or waiting", value=len(status.open_runs))
    yield _gauge("runs_overdue", "Runs past their limit", value=len(status.overdue))


def _jobs(status: Status) -> Iterator[Metric]:
    jobs = status.jobs
    due: Samples = [((one.job.name,), one.next_at.timestamp()) for one in jobs if one.next_at]
    yield _gauge("job_next_timestamp_seconds", "When a job is due next", ["job"], samples=due)
    last: Samples = [
        ((one.job.name,), one.runs[0].finished_at.timestamp())
        for one in jobs
        if one.runs and one.runs[0].finished_at
    ]
    words = "When a job's newest run ended"
    yield _gauge("job_last_end_timestamp_seconds", words, ["job"], samples=last)


def _warehouse(status: Status, found: Freshness) -> Iterator[Metric]:
    labels = ["client", "source"]
    ages: Samples = [
        ((one.client_id, one.source), (status.at - one.as_of).total_seconds())
        for one in found.sources
        if one.as_of
    ]
    yield _gauge("source_age_seconds", "Since a source was pulled", labels, samples=ages)
    late: Samples = [((one.client_id, one.source), float(one.is_late)) for one in found.sources]
    yield _gauge("source_late", "Whether it should have been since", labels, samples=late)
    letters: Samples = [((one.client_id, one.source), one.count) for one in found.letters]
    yield _gauge("dead_letters", "Dead letters that wait", labels, samples=letters)


def _history() -> Iterator[Metric]:
    """Sums over the whole ledger and outbox."""
    engine = prepared_engine()
    try:
        with engine.connect() as connection:
            runs = connection.execute(_sums(RUNS, RUNS.c.job)).all()
            steps = connection.execute(_sums(STEPS, STEPS.c.step)).all()
            sent: Sequence[Any] = connection.execute(
                sa.select(OUTBOX.c.channel, OUTBOX.c.status, sa.func.count())
                .group_by(OUTBOX.c.channel, OUTBOX.c.status)
                .order_by(OUTBOX.c.channel, OUTBOX.c.status)
            ).all()
            requests = counters.read(connection, "vendor_requests")
            waits = counters.read(connection, "rate_limit_wait_ms")
            newest = sa.select(STEPS.c.detail, STEPS.c.finished_at).where(
                STEPS.c.step == "dbt", STEPS.c.finished_at.is_not(None)
            )
            builds: Sequence[Any] = connection.execute(
                newest.order_by(STEPS.c.finished_at.desc()).limit(1)
            ).all()
    finally:
        engine.dispose()
    yield from _durations("run", "job", runs)
    yield from _durations("step", "step", steps)
    yield _counter("rows", "Rows that pulls brought", ["step"], steps, "rows")
    yield _counter("step_retries", "Tries of a step after the first", ["step"], steps, "retries")
    deliveries: Samples = [((row[0], row[1]), row[2]) for row in sent]
    words = "Messages in the outbox by state"
    yield _gauge("deliveries", words, ["channel", "status"], samples=deliveries)
    yield from _vendors(requests, waits)
    yield from _builds(builds)


def _vendors(requests: Counts, waits: Counts) -> Iterator[Metric]:
    made = CounterMetricFamily(
        "signalroom_vendor_requests",
        "Requests to vendors by the status of the answer",
        labels=["source", "client", "status"],
    )
    for labels, count in requests:
        made.add_metric(labels, count)
    waited = CounterMetricFamily(
        "signalroom_rate_limit_wait_seconds",
        "Time that requests waited for their vendor's rate limit",
        labels=["source", "client"],
    )
    for labels, milliseconds in waits:
        waited.add_metric(labels[:2], milliseconds / 1000)
    yield made
    yield waited


def _builds(builds: Sequence[Any]) -> Iterator[Metric]:
    """What the newest build of dbt did; empty if there was none."""
    for build in builds:
        detail = json.loads(build.detail or "{}")
        states = ("models", "tests", "skipped", "warned", "failed")
        nodes: Samples = [((state,), float(detail.get(state) or 0)) for state in states]
        words = "Nodes of the newest dbt build: models built, tests passed, and what went wrong"
        yield _gauge("dbt_nodes", words, ["state"], samples=nodes)
        seconds = float(detail.get("seconds") or 0)
        yield _gauge("dbt_seconds", "How long the newest dbt build took", value=seconds)
        took: Samples = [((kind,), took) for kind, took in (detail.get("kinds") or {}).items()]
        words = "What all nodes of a kind took in the newest dbt build"
        yield _gauge("dbt_node_seconds", words, ["kind"], samples=took)
        if build.finished_at:
            at = build.finished_at.timestamp()
            yield _gauge("dbt_last_end_timestamp_seconds", "When the newest build ended", value=at)


def _sums(table: sa.Table, name: sa.Column[str]) -> sa.Select[Any]:
    """By name and status: how many, how many with a duration, seconds, rows, retries."""
    if target() == "postgres":
        took: Any = sa.extract("epoch", table.c.finished_at - table.c.started_at)
    else:
        days = sa.func.julianday(table.c.finished_at) - sa.func.julianday(table.c.started_at)
        took = days * 86400.0
    retries = sa.case((table.c.attempt > 1, table.c.attempt - 1), else_=0)
    columns = [
        name.label("name"),
        table.c.status,
        sa.func.count().label("times"),
        sa.func.count(took).label("timed"),
        sa.func.coalesce(sa.func.sum(took), 0).label("seconds"),
        sa.func.sum(retries).label("retries"),
    ]
    if "rows" in table.c:
        columns.append(sa.func.coalesce(sa.func.sum(table.c.rows), 0).label("rows"))
    return sa.select(*columns).group_by(name, table.c.status).order_by(name, table.c.status)


def _durations(what: str, label: str, rows: Sequence[Any]) -> Iterator[Metric]:
    seconds = SummaryMetricFamily(
        f"signalroom_{what}_duration_seconds", f"How long a {what} took", labels=[label, "status"]
    )
    outcomes = CounterMetricFamily(
        f"signalroom_{what}s", f"Each {what} by its status", labels=[label, "status"]
    )
    for row in rows:
        outcomes.add_metric((row.name, row.status), row.times)
        if row.timed:
            seconds.add_metric((row.name, row.status), row.timed, float(row.seconds))
    yield outcomes
    yield seconds


def _counter(
    name: str, words: str, labels: Sequence[str], rows: Sequence[Any], column: str
) -> Metric:
    family = CounterMetricFamily(f"signalroom_{name}", words, labels=labels)
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.name] = totals.get(row.name, 0) + int(getattr(row, column))
    for key, total in totals.items():
        family.add_metric((key,), total)
    return family
