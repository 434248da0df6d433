"""What was known at an instant must match what a build at that time would have produced."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import signalroom
from ingest import loads
from ingest.model import ControlTotal, Pull, TableMetrics, Window
from reports import registry
from reports.as_known import differences, sent, version_at
from reports.delivery.outbox import Entry, Outbox, hashed
from signalroom import clients
from signalroom.errors import TransformError
from signalroom.migrations import prepare_warehouse
from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.support.warm import warm_builds
from tests.transform import raw, worked_example
from tests.transform.dbt import WITHOUT_VIEWS, Dbt
from tests.transform.explained import explained
from tests.transform.test_memory import PERFORMANCE
from transform.as_known import MARTS, build_as_known, client_as_known
from transform.scratch import rows_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("module_warehouse", DUCKDB_FIRST, indirect=True),
]

DAYS = [worked_example.DAY - timedelta(days=back) for back in range(4)]
START = datetime(2026, 11, 19, 12, tzinfo=UTC)
PULLS = (1, 4)  # pulls before each build
VERSIONS = ("int_performance__versions", "daily_performance_versions")
BUILT_LAST = ("--exclude", "+daily_performance")
ROWS = f"select {PERFORMANCE} from marts.daily_performance"
# changes that vendors make to the past; `{day}` is one of the days, `{n}` a unique number
CHANGES = [
    "update everflow.daily_stats set payout = payout + {n}, conversions = conversions + 1"
    " where date = '{day}' and affiliate_id = 21",
    "delete from everflow.daily_stats where date = '{day}' and affiliate_id = 22",
    "update everflow.daily_stats set affiliate_label = 'Blue BENCH {n}'"
    " where date = '{day}' and affiliate_id = 21",
    "update everflow.daily_stats set affiliate_label = upper(affiliate_label)"
    " where date = '{day}' and affiliate_id = 11",
    "update everflow.daily_stats set advertiser_label = 'Brand {n}' where date = '{day}'",
    "insert into everflow.daily_stats (_client_id, date, affiliate_id, affiliate_label,"
    " advertiser_id, clicks, conversions, revenue, payout)"
    " values ('713', '{day}', 1000 + {n}, 'g2 - meta', 1, 1, 1, {n}, 0)",
    "update redtrack.daily_spend set cost = cost + {n}.01 where date = '{day}'",
    "update redtrack.daily_spend set source_name = upper(source_name) where date = '{day}'",
    "delete from redtrack.daily_spend where date = '{day}' and source_name ilike 'Facebook CCW'",
    "update redtrack.daily_spend set cost = null where date = '{day}' and source_id like '%4'",
    "",
]


@dataclass
class Past:
    """What a build at each instant would have produced, and what the versions contain."""

    warehouse: Warehouse
    marts: dict[datetime, list[tuple[Any, ...]]] = field(default_factory=dict)


def remember(warehouse: Warehouse, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record versions as a pull of all days at this instant does."""
    monkeypatch.setenv("SIGNALROOM_NOW", at.isoformat())
    warehouse.activate(monkeypatch)
    window, load_id = Window(min(DAYS), max(DAYS)), f"load-{at:%d%H%M}"
    for source, table in (("everflow", "daily_stats"), ("redtrack", "daily_spend")):
        warehouse.execute(f"update {source}.{table} set _dlt_load_id = '{load_id}'")
        kept = dict(warehouse.rows(f"select date, count(*) from {source}.{table} group by 1"))
        totals = [
            ControlTotal(day.isoformat(), day, {"rows": kept.get(day, 0)}, "") for day in DAYS
        ]
        pull = Pull("713", window, at, (table,), source=source)
        loads.record(pull, {table: TableMetrics(totals)}, load_id)


@pytest.fixture(scope="module")
def past(module_warehouse: Warehouse, module_dbt: Dbt) -> Any:
    """Pulls with changes of every kind, and a build after some of them."""
    found = Past(module_warehouse)
    chance = random.Random(13)
    with pytest.MonkeyPatch.context() as monkeypatch:
        module_warehouse.activate(monkeypatch)
        prepare_warehouse()
        module_warehouse.execute(raw.TABLES.partition("create table ops.loads")[0])
        for day in DAYS:
            raw.insert_stats(module_warehouse, [_on(one, day) for one in worked_example.STATS])
            raw.insert_spend(module_warehouse, [_on(one, day) for one in worked_example.SPENDS])
        module_dbt.succeeds("seed")
        again: tuple[str, ...] = ()
        at = START
        for pulls in PULLS:
            for pull in range(pulls):
                if found.marts or pull:
                    for _ in range(chance.randint(2, 4)):
                        change = chance.choice(CHANGES)
                        day, number = chance.choice(DAYS), chance.randint(1, 99)
                        if change:
                            module_warehouse.execute(change.format(day=day, n=number))
                remember(module_warehouse, at, monkeypatch)
                module_dbt.succeeds("run", *again, "--select", "+daily_performance")
                again = WITHOUT_VIEWS
                found.marts[at] = sorted(module_warehouse.rows(ROWS), key=repr)
                at += timedelta(minutes=10)
            environment = {**module_dbt.environment, "SIGNALROOM_NOW": at.isoformat()}
            dbt = Dbt(module_dbt.project, environment)
            dbt.succeeds("run", *BUILT_LAST, "--select", f"+{VERSIONS[1]}")
            at += timedelta(minutes=5)
        wanted = [f"+{mart}" for mart in (*MARTS, "figure_parts", "goal_pace")]
        dbt.succeeds("run", *BUILT_LAST, "--select", *wanted)
        yield found


def _on(row: Any, day: date) -> Any:
    return type(row)(**{**vars(row), "day": day})


@pytest.mark.parametrize(
    "sample", [20, pytest.param(200, marks=[pytest.mark.deep, pytest.mark.timeout(1800)])]
)
def test_state_at_any_instant_is_what_a_build_would_have_made_then(past: Past, sample: int) -> None:
    chance = random.Random(7)
    instants = [at for at in past.marts if at > START]
    assert len(instants) == PULLS[1]
    assert len({repr(past.marts[at]) for at in instants}) > 2, "pulls that changed something"
    for _ in range(sample):
        known, day = chance.choice(instants), chance.choice(DAYS)
        at = known + timedelta(minutes=chance.choice([0, 1, 9]))
        found = past.warehouse.rows(
            f"select {PERFORMANCE} from marts.daily_performance_versions where date = '{day}'"
            f" and known_from <= '{at}' and (known_to > '{at}' or known_to is null)"
        )
        expected = [row for row in past.marts[known] if row[1] == day]
        assert sorted(found, key=repr) == expected, (day, at)


def test_versions_of_a_row_follow_each_other_without_gap_or_overlap(past: Past) -> None:
    sql = (
        "select count(*) from marts.daily_performance_versions as one"
        " inner join marts.daily_performance_versions as other"
        " on one.date = other.date and one.affiliate_label = other.affiliate_label"
        " and one.advertiser_id is not distinct from other.advertiser_id"
        " and one.known_from < other.known_from"
        " and (one.known_to is null or one.known_to > other.known_from)"
    )
    assert past.warehouse.rows(sql) == [(0,)]
    current = f"select {PERFORMANCE} from marts.daily_performance_versions where known_to is null"
    assert sorted(past.warehouse.rows(current), key=repr) == past.marts[max(past.marts)]


def test_building_again_adds_no_version(past: Past, module_dbt: Dbt) -> None:
    sql = "select count(*), count(known_to) from marts.daily_performance_versions"
    before = past.warehouse.rows(sql)
    later = (max(past.marts) + timedelta(hours=1)).isoformat()
    dbt = Dbt(module_dbt.project, {**module_dbt.environment, "SIGNALROOM_NOW": later})
    dbt.succeeds("run", "--select", f"+{VERSIONS[1]}")
    dbt.succeeds("run", "--select", *VERSIONS)
    assert past.warehouse.rows(sql) == before


@pytest.fixture
def activated(past: Past, monkeypatch: pytest.MonkeyPatch) -> Past:
    past.warehouse.activate(monkeypatch)
    warm_builds(monkeypatch)
    monkeypatch.setenv("SIGNALROOM_NOW", (max(past.marts) + timedelta(hours=2)).isoformat())
    return past


def put_message(payload: str, at: datetime) -> None:
    """Insert a message about the day that was delivered at an instant."""
    entry = Entry(
        dedupe_key="daily_ccw-713",
        report="daily_ccw",
        client_id="713",
        period=DAYS[0],
        edition="complete",
        number=1,
        channel="slack",
        recipient="C1",
        payload=payload,
        payload_hash=hashed(payload),
        told="{}",
        status="sent",
        attempts=1,
        provider_id="1",
        reason=None,
        created_at=at,
        next_at=None,
        sent_at=at,
        reported_at=at,
    )
    with Outbox() as outbox:
        outbox.store(entry)


def test_report_reads_as_it_would_have_then(activated: Past, tmp_path: Path) -> None:
    at = sorted(activated.marts)[2]
    client, day = clients.client("713"), DAYS[0]
    home = build_as_known(client, at + timedelta(minutes=3))
    rebuilt = [tuple(row.values()) for row in rows_of(home, ROWS)]
    assert sorted(rebuilt, key=repr) == activated.marts[at]
    then = version_at(registry.find("daily_ccw"), client, day, at, home)
    of_day = [row for row in activated.marts[at] if row[1] == day and row[2] == 1 and not row[7]]
    cost = next(one.value for one in then.figures if one.metric == "cost")
    assert cost == sum(row[14] for row in of_day)
    assert "INCOMPLETE" not in then.messages["email"]["text"]

    payload = '{"text": "as it was,  byte for byte \\u00e9 é"}'
    put_message(payload, at)
    asked = ["report", "daily_ccw", "--client", "713", "--date", str(day), "--out", str(tmp_path)]
    answer = CliRunner().invoke(signalroom, [*asked, "--as-known-at", at.isoformat(), "--json"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.output)
    [message] = told["sent"]
    assert Path(message["file"]).read_bytes() == payload.encode()
    assert told["then"]["headline"] == then.headline
    now = version_at(registry.find("daily_ccw"), client, day, max(activated.marts))
    found = differences(then.figures, now.figures)
    assert found, "a day that has changed since"
    assert [(one["metric"], one["then"], one["now"]) for one in told["differences"]] == [
        (
            one.metric,
            None if one.then is None else f"{one.then.normalize():f}",
            None if one.now is None else f"{one.now.normalize():f}",
        )
        for one in found
    ]
    assert sent(registry.find("daily_ccw"), client, day, at - timedelta(minutes=1)) == []


def test_a_day_before_a_change_of_the_registry_is_that_of_the_registry_of_then(
    activated: Past,
) -> None:
    """EXP was not a brand yet: the lines of the file with its advertiser mapped nothing."""
    before, after = sorted(activated.marts)[1:3]
    entries = {START: {"CCW": 1}, after: {"CCW": 1, "EXP": 2}}
    for at, brands in entries.items():
        entry = json.dumps({"name": "Old name", "active": True, "brands": brands})
        activated.warehouse.execute(
            "insert into ops.client_file_versions (_client_id, file_name, content_hash, content,"
            f" is_usable, known_from, recorded_at) values ('713', 'dbt_project.yml', '{at}',"
            f" '{entry}', true, timestamptz '{at}', timestamptz '{at}')"
        )
    try:
        then = client_as_known(clients.client("713"), before)
        assert [one.name for one in then.brands] == ["CCW"]
        assert len(client_as_known(clients.client("713"), after).brands) == 2
        by_brand = (
            "select coalesce(advertiser_id, 0) as brand, is_unmapped, sum(redtrack_cost) as cost"
            " from marts.daily_performance where redtrack_cost <> 0 group by 1, 2"
        )
        found = {
            (row["brand"], row["is_unmapped"]): row["cost"]
            for row in rows_of(build_as_known(then, before), by_brand)
        }
        spent = sum(row[12] for row in activated.marts[before])
        assert (2, False) not in found
        assert sum(found.values()) == spent
        today = {row[2] for row in activated.marts[before] if row[12] and not row[7]}
        assert 2 in today, "the registry of today would have mapped it"
        asked = ["report", "daily_exp", "--client", "713", "--as-known-at", before.isoformat()]
        shown = CliRunner().invoke(signalroom, asked).output
        assert "the registry of then had no brand EXP of 713" in shown
    finally:
        activated.warehouse.execute("delete from ops.client_file_versions")


def test_what_cannot_be_told_of_then_is_said(activated: Past) -> None:
    with pytest.raises(TransformError, match="Nothing was known of client 713"):
        build_as_known(clients.client("713"), START - timedelta(days=1))
    asked = ["report", "state_performance", "--client", "713", "--as-known-at", "2026-11-20"]
    assert "Only the message as sent" in CliRunner().invoke(signalroom, asked).output
    asked = ["report", "alert", "--as-known-at", "2026-11-20"]
    assert CliRunner().invoke(signalroom, asked).exit_code == 2


def test_every_figure_of_daily_messages_is_made_of_the_rows_it_is_explained_with(
    activated: Past,
) -> None:
    asked = (("daily_ccw", DAYS[0]), ("daily_exp", DAYS[1]), ("daily_ccw", DAYS[3]))
    assert sum(explained(name, "713", day) for name, day in asked) > 40
