"""Failures by cause: no cause is split into several, and no kind of failure is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from cli.main import signalroom
from scheduler.runs.work_ledger import WorkLedger
from scheduler.status import freshness
from scheduler.status.failures import failures
from scheduler.web.page import overview
from signalroom import clock
from tests.scheduler import story
from tests.support.warehouse import Warehouse


def test_causes_are_split_or_left_out(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", story.NOW)
    story.tell(warehouse)
    now = clock.instant()
    _, _, partial, skipped, _ = story.runs(now)
    with WorkLedger() as ledger:
        for back in (1, 2, 2):
            at = now - timedelta(days=back)
            run_id = f"daily_reports-{back}-{len(ledger.recent())}"
            answer = {"error_class": "CredentialsError", "failures": [f"refused at 0{back}"]}
            said = json.dumps({"clients": {"713": answer}})
            step = replace(partial.steps[1], run_id=run_id, finished_at=at, detail=said)
            steps = (replace(partial.steps[0], run_id=run_id), step)
            ids = {"run_id": run_id, "dedupe_key": run_id}
            ledger.record(replace(partial, **ids, finished_at=at, steps=steps))
        ids = {"run_id": "run-1", "dedupe_key": "run-1", "job": "run", "error": "interrupted"}
        ledger.record(replace(skipped, **ids, steps=(), status="failed", finished_at=now))
    for number, reason in enumerate(
        (
            "'x7' is no number",
            "'abc' is no number",
            "line 12 is short",
            "event 0196f3a1-77c2-7b1e-8f00-000000000001: not JSON",
            "event fe96f3a1-abcd-7b1e-8f00-dddddddddddd: not JSON",
        )
    ):
        resolved = "null" if number else "now()"
        warehouse.execute(
            "insert into ops.dead_letters (dead_letter_id, _client_id, source, table_name,"
            " partition_key, reason, created_at, resolved_at) select"
            f" 'more{number}', '713', 's3_exports', 'orders_update', 'a.csv',"
            f" '{reason.replace(chr(39), chr(39) * 2)}', now(), {resolved}"
        )
    freshness.refresh()

    found = {(one.subject, one.client, one.error_class, one.example): one for one in failures()}
    refused = found.pop(("ingest:redtrack", "713", "CredentialsError", "refused at 01"))
    today = story.DAY
    assert (refused.count, refused.days) == (3, "Nov 17: 2, Nov 18: 1")
    assert refused.by_day == {today - timedelta(days=1): 1, today - timedelta(days=2): 2}
    number = found.pop(("s3_exports.orders_update", "713", "Rejected", "# is no number"))
    assert (number.count, number.still_open, number.by_day) == (2, 1, {today: 2})
    event = found.pop(("s3_exports.orders_update", "713", "Rejected", "event #: not JSON"))
    assert event.count == 2
    counts = {(subject, error): one.count for (subject, _, error, _), one in found.items()}
    assert counts == {
        ("ingest:redtrack", "Unknown"): 1,  # from the prepared morning itself
        ("run run", "Interrupted"): 1,
        ("s3_exports.orders_create", "Rejected"): 4,
        ("s3_exports.orders_update", "Rejected"): 1,
    }
    assert {one.subject for one in failures(1)} >= {"run run", "s3_exports.orders_create"}
    assert sum(one.count for one in failures(2) if one.error_class == "CredentialsError") == 1

    plain = CliRunner().invoke(signalroom, ["failures"])
    assert plain.exit_code == 0, plain.output
    assert "3 times ingest:redtrack 713 CredentialsError" in plain.output
    assert "Nov 17: 2, Nov 18: 1" in plain.output
    assert "1 open: `signalroom dead-letters list`" in plain.output
    lines = CliRunner().invoke(signalroom, ["failures", "--json"]).output.splitlines()
    assert {json.loads(line)["subject"]: json.loads(line)["by_day"] for line in lines}[
        "s3_exports.orders_create"
    ] == {today.isoformat(): 4}
    page = overview()
    section = page[page.index("Failures by cause") :]
    for words in ("ingest:redtrack", "Nov 17: 2, Nov 18: 1", "# is no number", "interrupted"):
        assert words in section
