"""A prepared morning: runs of every kind, late sources, alerts, messages, dead letters.

Business time is 9:40 on Thursday 19 November 2026 in New York.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ingest import loads
from reports.alerts import incidents
from reports.delivery.outbox import Entry, Outbox
from scheduler.runs.ledger import Run, Step
from scheduler.runs.work_ledger import WorkLedger
from scheduler.status import freshness
from scheduler.status.health import Pulse
from signalroom import clock
from tests.support.warehouse import Warehouse

NOW = "2026-11-19T09:40:00-05:00"
DAY = date(2026, 11, 19)
SECRET = "canary-everflow-key"
HOSTILE = "<script>alert('x')</script> & \"co\""
MAIL = (
    "<html><body><h1 id='mail'>CCW daily</h1><script>document.title = 'owned'</script>"
    "<img src='http://198.51.100.7/pixel.png'><img id='chart' src=\"cid:trend\"><a href='https://example.org'>out</a></body></html>"
)
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
BUILT = {
    "models": 81, "tests": 109, "skipped": 0, "warned": 1, "failed": 0, "seconds": 9.5,
    "kinds": {"model": 5.25, "test": 3.5},
}  # fmt: skip
RUNNING = "hourly-20261119T1400Z"
DONE = "hourly-20261119T1300Z"
PARTIAL = "daily_reports-20261119T1200Z"


def tell(warehouse: Warehouse) -> None:
    """Write the prepared morning into the current warehouse, at its own `clock`."""
    instant = clock.instant()
    with WorkLedger() as ledger:
        for run in runs(instant):
            assert ledger.record(run)
    beat()
    loads.prepare()
    for client, source, table, local_time in (
        ("713", "everflow", "daily_stats", "09:02"),
        ("713", "everflow", "offers", "09:03"),
        ("cti", "everflow", "daily_stats", "09:02"),
        ("713", "redtrack", "daily_spend", "08:01"),
        ("713", "redtrack", "sources", "09:02"),
        ("713", "s3_exports", "orders_create", "06:01"),
    ):
        as_of = datetime.fromisoformat(f"2026-11-19T{local_time}:00-05:00").astimezone(UTC)
        _insert(
            warehouse,
            "loads",
            _client_id=client,
            source=source,
            table_name=table,
            loaded_at=instant,
            as_of=as_of,
            row_count=7,
        )
    for number in range(4):
        _insert(
            warehouse,
            "dead_letters",
            dead_letter_id=f"letter{number}",
            _client_id="713",
            source="s3_exports",
            table_name="orders_create",
            partition_key="orders.csv",
            reason="no number",
            created_at=instant,
            resolved_at=instant if number == 0 else None,
        )
    freshness.refresh()
    incidents.report_trouble(
        incidents.Trouble(
            kind="step_failed",
            client_id="713",
            subject="ingest:redtrack",
            severity="critical",
            title=f"RedTrack answers nothing {HOSTILE}",
            detail="Tried 5 times.",
            repair=f"Look at `signalroom runs show {PARTIAL}`.",
        )
    )
    with Outbox() as outbox:
        for entry in _messages(instant):
            outbox.store(entry)


def _insert(warehouse: Warehouse, table: str, **values: object) -> None:
    mark = "?" if warehouse.target == "duckdb" else "%s"
    marks = ", ".join([mark] * len(values))
    names = ", ".join(values)
    warehouse.execute(f"insert into ops.{table} ({names}) values ({marks})", *values.values())


# combines the answers of two steps: a pull's has no deliveries, a report's no rows
LOADED = {
    "clients": {
        "713": {"rows": {"daily_stats": 12}},
        "cti": {"deliveries": ["Slack to C0: delivered"]},
    }
}


def runs(instant: datetime) -> list[Run]:
    def run(run_id: str, hour: int, status: str, *steps: Step, **more: Any) -> Run:
        job = run_id.rsplit("-", 1)[0]
        began = instant - timedelta(minutes=9 * 60 + 40 - hour * 60)
        found = Run(
            run_id=run_id,
            dedupe_key=run_id,
            job=job,
            scheduled_for=datetime(2026, 11, 19, hour + 5, tzinfo=UTC),
            day=DAY,
            trigger="schedule",
            status=status,
            created_at=began,
            started_at=began,
            finished_at=None if status in ("due", "running", "waiting") else began + MINUTE,
            attempt=1,
            steps=steps,
        )
        return Run(**{**vars(found), **more})

    def step(run_id: str, position: int, name: str, status: str = "done", **more: Any) -> Step:
        began = instant - timedelta(minutes=40 if run_id == DONE else 2)
        over = began + timedelta(seconds=18) if status in ("done", "failed") else None
        given = {"attempt": 1, "started_at": began, "finished_at": over, **more}
        return Step(run_id, name, position, status, **given)

    log = f"logs/runs/{RUNNING}/ingest.log"
    return [
        run(
            DONE,
            8,
            "done",
            step(DONE, 0, "ingest:everflow", rows=1523),
            step(DONE, 1, "ingest:redtrack", rows=40, attempt=3),
            step(DONE, 2, "dbt", detail=json.dumps(BUILT)),
        ),
        run(
            RUNNING,
            9,
            "running",
            step(RUNNING, 0, "ingest:everflow", rows=7),
            step(RUNNING, 1, "ingest:redtrack", "running", attempt=2, log=log),
            step(RUNNING, 2, "dbt", "pending", started_at=None),
            owner="host:1:1",
            leased_until=instant + timedelta(minutes=30),
        ),
        run(
            PARTIAL,
            7,
            "done_with_errors",
            step(PARTIAL, 0, "ingest:everflow", rows=12, detail=json.dumps(LOADED)),
            step(PARTIAL, 1, "ingest:redtrack", "failed", attempt=5, error=f"{HOSTILE} {SECRET}"),
            error=f"ingest:redtrack: {HOSTILE} {SECRET}",
        ),
        run(
            "restatement-20261119T1030Z",
            5,
            "skipped",
            step("restatement-20261119T1030Z", 0, "ingest:everflow", "pending", started_at=None),
            started_at=None,
            error="missed by 3 h; this job is not caught up",
        ),
        run(
            "audience-20261119T1115Z",
            6,
            "waiting",
            step("audience-20261119T1115Z", 0, "ingest:mautic", "deferred"),
            resume_at=instant + timedelta(hours=2),
        ),
    ]


MINUTE = timedelta(minutes=1)


def _messages(instant: datetime) -> list[Entry]:
    def entry(channel: str, status: str, payload: dict[str, Any], **more: Any) -> Entry:
        found = {
            "dedupe_key": f"daily_ccw:713:2026-11-18:{channel}:abc/1",
            "report": "daily_ccw",
            "client_id": "713",
            "period": date(2026, 11, 18),
            "edition": "complete",
            "number": 1,
            "channel": channel,
            "recipient": {"slack": "C0CCW", "email": "boss@example.com"}.get(channel, "+15550100"),
            "payload": json.dumps(payload),
            "payload_hash": "x",
            "told": "{}",
            "status": status,
            "attempts": 1,
            "provider_id": None,
            "reason": None,
            "created_at": instant,
            "next_at": None,
            "sent_at": instant if status == "sent" else None,
        }
        return Entry(**{**found, **more})

    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "CCW daily"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*CPA* $45.32 &lt;b&gt;"}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "```\nNew      12  $45\n```"}},
    ]
    dot = {"content_id": "trend", "content": DOT, "content_type": "image/png", "filename": "t.png"}
    mail = {"subject": f"CCW daily {HOSTILE}", "html": MAIL, "text": "CCW", "attachments": [dot]}
    alert = {"report": "alert", "dedupe_key": "alert:1"}
    return [
        entry("slack", "sent", {"text": "an alert"}, **alert),
        entry("slack", "sent", {"text": "short", "blocks": blocks}),
        entry("email", "sent", mail),
        entry("sms", "dead", {"body": f"CCW $45.32 {HOSTILE}"}, reason="refused: no such number"),
    ]


def beat() -> None:
    """Record the scheduler's heartbeat, now."""
    instant = clock.instant()
    with WorkLedger() as ledger:
        ledger.beat_now("host:1:1", 4711, instant - timedelta(days=3), instant)


def living_pulse() -> Pulse:
    """A tick and a turn as of now."""
    return Pulse(last_tick=clock.instant(), last_turn=clock.instant())
