"""A change must be split into its causes, to the cent, as the vendors' own truth has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from ingest import pull as pipeline
from ingest import registry
from ingest.model import Window
from sandbox import Agency
from signalroom.migrations import prepare_warehouse
from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.transform.dbt import Dbt
from tests.transform.raw import insert

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("module_warehouse", DUCKDB_FIRST, indirect=True),
]

TABLES = {
    "everflow": ("daily_stats", "conversions", "adjustments", "offers", "affiliates"),
    "redtrack": ("daily_spend",),
}
CHANGES = "+performance_changes"
Key = tuple[object, ...]  # date, advertiser, label, measure, cause
SQL = (
    "select date, advertiser_id, affiliate_label, measure, cause, amount, reported_value, value"
    " from marts.performance_changes where _client_id = '713'"
)
KEY = ("date", "advertiser_id", "affiliate_label", "measure", "cause")
HOUR = timedelta(hours=1)
MAPPING = 'reference."client_713__internal-affiliates"'


@dataclass
class Split:
    """The simulated agency's truth about its changes, and what the marts make of them."""

    warehouse: Warehouse
    dbt: Dbt
    truth: dict[Key, Decimal]
    causes: dict[date, set[str]]
    after: datetime
    found: dict[Key, Decimal] = field(default_factory=dict)  # before the mapping is edited

    def parts(self) -> dict[Key, Decimal]:
        """The parts; checks that those of each line add up to its change."""
        sums: defaultdict[Key, Decimal] = defaultdict(Decimal)
        found = {}
        for *key, amount, reported, value in self.warehouse.rows(SQL):
            found[tuple(key)] = amount
            line = (*key[:4], value - reported)
            sums[line] += amount
        assert all(line[-1] == amount for line, amount in sums.items())
        return found


def load(agency: Agency, at: datetime, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    agency.set_now(at)
    monkeypatch.setenv("SIGNALROOM_NOW", at.isoformat())
    for name, tables in TABLES.items():
        source = registry.source(name)
        made = pipeline.make_pull(source, "713", window=window, resources=tables)
        assert pipeline.load(source, made).failures == ()


def at_instant(dbt: Dbt, at: datetime) -> Dbt:
    return Dbt(dbt.project, {**dbt.environment, "SIGNALROOM_NOW": at.isoformat()})


@pytest.fixture(scope="module")
def split(module_warehouse: Warehouse, module_dbt: Dbt) -> Iterator[Split]:
    """Days that were reported, then changed by every cause, alone and two at once."""
    with Agency(scenario="causes") as agency, pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in agency.environment().items():
            monkeypatch.setenv(name, value)
        module_warehouse.activate(monkeypatch)
        monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
        prepare_warehouse()
        before, after = agency.now(), agency.now() + 3 * HOUR
        planned: defaultdict[date, set[str]] = defaultdict(set)
        for plan in agency.stage.world.plans:
            if plan.client == "713":
                planned[plan.day].add(plan.cause)
        window = Window(min(planned), max(planned))
        truth = {
            tuple(row[name] for name in KEY): Decimal(str(row["amount"]))
            for row in agency.changes("713", before, after, window.start, window.end)
        }
        load(agency, before, window, monkeypatch)
        at_instant(module_dbt, before + HOUR / 4).succeeds("seed")
        at_instant(module_dbt, before + HOUR / 4).succeeds("run", "--select", CHANGES)
        reported = before + HOUR / 2
        insert(
            module_warehouse,
            "ops.reported_days (_client_id, date, advertiser_id, as_of, reported_at)",
            [("713", day, brand, reported, reported) for day in planned for brand in (1, 2)],
        )
        load(agency, after, window, monkeypatch)
        dbt = at_instant(module_dbt, after + HOUR)
        dbt.succeeds("run", "--select", CHANGES)
        found = Split(module_warehouse, dbt, truth, dict(planned), after)
        found.found = found.parts()
        yield found


def test_each_cause_alone_and_two_at_once_is_named_right(split: Split) -> None:
    assert sorted(map(len, split.causes.values())) == [1] * 5 + [2] * 10
    assert split.found == split.truth


def test_an_edit_of_the_mapping_is_told_from_what_vendors_changed(split: Split) -> None:
    """The affiliate's spend moves to another label: the old line loses it as it was reported."""
    before = split.found
    spend = {
        tuple(key): cost
        for *key, cost in split.warehouse.rows(
            "select date, advertiser_id, affiliate_label, redtrack_cost"
            " from intermediate.int_performance__costed where _client_id = '713' and is_internal"
        )
    }
    label = next(key[2] for key in before if key[4] == "spend_rewrite")
    split.warehouse.execute(
        f"update {MAPPING} set \"everflow.affiliate_label\" = 'Moved'"
        f" where lower(trim(\"everflow.affiliate_label\")) = lower('{label}')"
    )
    split.warehouse.execute(
        "insert into ops.client_file_versions (_client_id, file_name, content_hash, is_usable,"
        " known_from, recorded_at) select '713', 'internal-affiliates.csv', 'h' || n, true,"
        f" timestamptz '{split.after.isoformat()}' + n * interval '1 minute',"
        f" timestamptz '{split.after.isoformat()}' + n * interval '1 minute'"
        " from (values (-600), (90)) as t(n)"
    )
    at_instant(split.dbt, split.after + 2 * HOUR).succeeds("run", "--select", CHANGES)
    parts = split.parts()
    assert {key[4] for key in parts} == {key[4] for key in before} | {"mapping_edit"}
    rewritten = [key for key in before if key[3:] == ("redtrack_cost", "spend_rewrite")]
    assert len(rewritten) == 5
    for day, brand, *_ in rewritten:
        cost = spend[day, brand, label]
        amount = before[day, brand, label, "redtrack_cost", "spend_rewrite"]
        old = parts[day, brand, label, "redtrack_cost", "mapping_edit"]
        assert old == amount - cost, "what had been reported"
        assert parts[day, brand, "Moved", "redtrack_cost", "mapping_edit"] == -old
        assert parts[day, brand, "Moved", "redtrack_cost", "spend_rewrite"] == amount
        assert (day, brand, label, "redtrack_cost", "spend_rewrite") not in parts
