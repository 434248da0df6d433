"""Data for a picture of the scheduler's page on a good morning: two weeks of figures and loads."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

from reports.delivery.outbox import Entry, Outbox
from scheduler.runs.ledger import Run, Step
from scheduler.runs.work_ledger import WorkLedger
from scheduler.status import freshness
from signalroom import clock, run_database
from signalroom.watch_tables import BRAND_DAYS

TODAY = date(2026, 11, 19)
DAYS = 14
# job -> its hour and minute of the day, and the rows of each source
LOADS = {
    "s3_files": (time(6), {"s3_exports": 1180}),
    "audience": (time(6, 15), {"posthog": 4210, "mautic": 960, "google_sheets": 24}),
    "daily_reports": (time(7), {"everflow": 1523, "redtrack": 212}),
    "hourly": (time(9), {"everflow": 1531, "redtrack": 214}),
}
FAILED = {("daily_reports", 3): "redtrack", ("audience", 8): "mautic"}  # this many days ago
BRANDS = {
    ("713", "CCW"): ("28", "2950 3120 2880 3010 3240 3090 2790 2860 3150 3300 3080 2940 3210 2905"),
    ("713", "EXP"): ("24", "1210 1330 1190 1250 1405 1290 1180 1240 1330 1460 1310 1270 1390 1300"),
    ("cti", "CTI"): ("40", "2010 2140 1990 2230 2080 2190 2050 1970 2260 2310 2120 2060 2280 2150"),
}
SOLD = {"CCW": 104, "EXP": 51, "CTI": 57}


def tell() -> None:
    """Write it into the run database of this home, as of `clock.instant`."""
    with WorkLedger() as ledger:
        for back in reversed(range(DAYS)):
            for job, (at, loaded) in LOADS.items():
                ledger.record(_run(job, at, loaded, back))
        now = clock.instant()
        ledger.beat_now("host:1:1", 4711, now - timedelta(days=3), now)
    for client in ("713", "cti"):
        for job, (at, loaded) in LOADS.items():
            for source in loaded if job != "daily_reports" else ():
                freshness.record_pull(client, source, ["all"], _moment(TODAY, at))
    with run_database.prepared_engine().begin() as connection:
        connection.execute(BRAND_DAYS.insert(), _figures())
    with Outbox() as outbox:
        for channel, recipient in (("slack", "C0CCW"), ("email", "media@example.org")):
            for brand in SOLD:
                outbox.store(_sent(brand.lower(), channel, recipient))


def _moment(day: date, at: time) -> datetime:
    return datetime.combine(day, at, clock.zone()).astimezone(UTC)


def _run(job: str, at: time, loaded: dict[str, int], back: int) -> Run:
    day = TODAY - timedelta(days=back)
    began = _moment(day, at)
    run_id = f"{job}-{began:%Y%m%dT%H%MZ}"
    bad = FAILED.get((job, back))
    names = [*(f"ingest:{source}" for source in loaded), "dbt"]
    steps = []
    for place, name in enumerate(names):
        source = name.partition(":")[2]
        steps.append(
            Step(
                run_id, name, place, "failed" if source and source == bad else "done", 1,
                started_at=began + timedelta(seconds=20 * place),
                finished_at=began + timedelta(seconds=20 * place + 18),
                rows=loaded.get(source) and loaded[source] + 7 * back,
                error="HTTP 503" if source and source == bad else None,
            )
        )  # fmt: skip
    return Run(
        run_id, run_id, job, began, day, "schedule", "done_with_errors" if bad else "done", began,
        started_at=began, finished_at=began + timedelta(seconds=20 * len(names)), attempt=1,
        steps=tuple(steps),
    )  # fmt: skip


def _figures() -> list[dict[str, object]]:
    return [
        {
            "_client_id": client,
            "brand": brand,
            "day": TODAY - timedelta(days=DAYS - place),
            "conversions": SOLD[brand] + (5 * place) % 7,
            "cost": cost,
            "state": "",
            "cpa_goal": goal,
        }
        for (client, brand), (goal, costs) in BRANDS.items()
        for place, cost in enumerate(costs.split())
    ]


def _sent(brand: str, channel: str, recipient: str) -> Entry:
    at = _moment(TODAY, time(7, 4))
    day = TODAY - timedelta(days=1)
    client = "cti" if brand == "cti" else "713"
    payload = {"text": "CPA", "subject": "CPA", "html": "", "body": ""}
    return Entry(
        dedupe_key=f"daily_{brand}:{client}:{day}:{channel}:1",
        report=f"daily_{brand}",
        client_id=client,
        period=day,
        edition="complete",
        number=1,
        channel=channel,
        recipient=recipient,
        payload=json.dumps(payload),
        payload_hash="x",
        created_at=at,
        status="sent",
        attempts=1,
        sent_at=at,
        reported_at=at,
    )
