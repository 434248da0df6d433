"""With two years of history, a figure must be explained within two seconds."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from reports.delivery.outbox import Entry, Outbox
from signalroom import run_database
from signalroom.migrations import prepare_warehouse
from signalroom.tables import METADATA
from tests.reports.test_compare import DAY
from tests.support.processes import processor_time, signalroom_cli
from tests.support.warehouse import empty_warehouse

LIMIT_S = 2.0
DAYS, LINES, VERSIONS, PARTS = 730, 45, 20, 4
MARTS = f"""
create schema marts;
create table marts.daily_performance as
select
    '713' as _client_id, date '2026-11-18' - cast(day as integer) as date,
    1 + line % 2 as advertiser_id, 'CCW' as advertiser_label,
    'Affiliate ' || line as affiliate_label,
    line % 3 = 0 as is_internal, false as is_unmapped, 10::bigint as clicks,
    3::bigint as conversions,
    7.25::decimal(38, 18) as everflow_payout, 20::decimal(38, 18) as everflow_revenue,
    9.5::decimal(38, 18) as redtrack_cost, 9.5::decimal(38, 18) as cost,
    10.5::decimal(38, 18) as profit, 'ok' as cpa_state
from range({DAYS}) as days(day), range({LINES}) as lines(line);
create table marts.daily_summary as select distinct _client_id, date from marts.daily_performance;
create table marts.daily_performance_versions as
select
    *, date + version * interval 1 hour as known_from,
    case when version < {VERSIONS} - 1 then date + (version + 1) * interval 1 hour end as known_to
from marts.daily_performance, range({VERSIONS}) as versions(version);
create table marts.figure_parts as
select
    * exclude (cost),
    ['conversions', 'clicks', 'everflow_revenue', 'redtrack_cost'][part] as measure,
    'redtrack.daily_spend' as source_table, 'cost' as source_column,
    1::bigint as everflow_affiliate_id, null::text as source_id, null::text as source_name,
    null::text as campaign_id, null::text as offer_id, cost as amount, part = 4 as is_cost,
    'csv' as mapping_rule, 3::bigint as mapping_line, 'load' as load_id, now() as loaded_at
from marts.daily_performance, range(1, {PARTS} + 1) as parts(part);
"""


def outbox_of_two_years() -> None:
    """Every daily message of two brands in three channels, with the figures it contained."""
    with Outbox():
        pass
    figures, messages, at = [], [], datetime.fromisoformat("2026-11-19T12:00:00+00:00")
    columns = Entry.__dataclass_fields__
    for number in range(DAYS * 2 * 3):
        day = DAY - timedelta(days=number // 6)
        key = f"message-{number}"
        entry = dict.fromkeys(columns, "x") | {
            "dedupe_key": key, "report": "daily_ccw", "client_id": "713", "period": day,
            "edition": "complete", "number": 1, "channel": "slack", "status": "sent",
            "attempts": 1, "created_at": at, "next_at": None, "sent_at": at, "reported_at": at,
        }  # fmt: skip
        messages.append({("_client_id" if n == "client_id" else n): v for n, v in entry.items()})
        for position in range(60):
            keys = {"advertiser_id": "1", "brand": "CCW", "date": day.isoformat()}
            if position:
                keys["affiliate"] = f"Affiliate {position}"
            figures.append(
                {"dedupe_key": key, "position": position, "_client_id": "713", "metric": "cpa",
                 "keys": json.dumps(keys, sort_keys=True), "value": "9.5", "as_of": at}
            )  # fmt: skip
    engine = run_database.prepared_engine()
    with engine.begin() as connection:
        for name, rows in (("outbox", messages), ("reported_figures", figures)):
            table = METADATA.tables[name]
            known = [{n: v for n, v in row.items() if n in table.c} for row in rows]
            connection.execute(sa.insert(table), known)
    engine.dispose()


@pytest.mark.deep
@pytest.mark.slow
def test_a_figure_of_two_years_is_explained_within_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_warehouse("duckdb", tmp_path / "home", None) as warehouse:
        warehouse.activate(monkeypatch)
        prepare_warehouse()
        warehouse.execute(MARTS)
        outbox_of_two_years()
        asked = ["explain", "713", str(DAY), "cpa", "--brand", "CCW", "--json"]
        taken = []
        for _ in range(3):
            with processor_time() as one:
                done = signalroom_cli(*asked, env=warehouse.environment)
            taken.append(one.seconds)
            assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert len(answer["parts"]) > 20
        assert len(answer["sent"]) > 1
        assert max(taken) < LIMIT_S, taken
