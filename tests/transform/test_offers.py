"""Offer links must not map spend by default, override the file, or lose spend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import yaml

from reports.explain import Question, explain
from signalroom import clients
from signalroom.paths import root
from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.transform import raw, worked_example
from tests.transform.dbt import Dbt
from transform.client_files.suggested import suggestions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("module_warehouse", DUCKDB_FIRST, indirect=True),
]

DAY = worked_example.DAY
NEW, MAPPED, NO_ONE = (
    "64f1a20b9c3d5e0001a4c0ff",
    worked_example.SOURCE + "1",
    f"{worked_example.SOURCE}5",
)
MARTS = (
    *("daily_performance", "daily_performance_versions", "performance_changes", "daily_summary"),
    *("campaign_performance", "figure_parts", "mapping_gaps", "unmapped_spend"),
)
# source, campaign, offer, clicks, cost
CAMPAIGNS = (
    (NEW, "c1", "o1", 2, "12.00"),  # Blue Bench, by codes in the path
    (NEW, "c2", "o3", 1, "5.00"),  # a landing page: identifies no affiliate
    (MAPPED, "c3", "o1", 700, "600.00"),  # the file says G2 - Meta
    (NO_ONE, "c4", "o2", 90, "310.25"),  # Venture Beyond; the file says n/a
)
OFFERS = {
    "o1": "https://trk.example/28KL6/2CTPL/?sub1={clickid}",
    "o2": "https://course.example/start?oid=101&affid=22&sub1={clickid}",
    "o3": "https://landing.example/quiz?cid={clickid}",
}
PERFORMANCE = (
    "select affiliate_label, is_internal, everflow_payout, redtrack_cost, cost, cpa"
    " from marts.daily_performance where affiliate_label in"
    " ('Blue Bench', 'Venture Beyond', 'G2 - Meta', 'Unmapped: New Source',"
    " 'Unmapped: Facebook CTI') and coalesce(advertiser_id, 1) = 1 order by 1"
)


@dataclass
class Linked:
    """A warehouse with offers whose links name affiliates, built by default and then by offer."""

    warehouse: Warehouse
    default: dict[str, list[tuple[Any, ...]]]


def rows(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    return sorted(warehouse.rows(sql), key=repr)


def make(warehouse: Warehouse, table: str, columns: str, values: Sequence[tuple[Any, ...]]) -> None:
    warehouse.execute(f"create table {table} ({columns})")
    raw.insert(warehouse, table, values)


@pytest.fixture(scope="module")
def linked(module_warehouse: Warehouse, module_dbt: Dbt) -> Linked:
    worked_example.load(module_warehouse)
    make(
        module_warehouse,
        "redtrack.campaign_spend",
        "_client_id text, date date, source_id text, campaign_id text, offer_id text,"
        " clicks bigint, conversions bigint, cost decimal(38, 18), _dlt_load_id text",
        [("713", DAY, *one[:4], 0, Decimal(one[4]), "load-2") for one in CAMPAIGNS],
    )
    ids = "_client_id text, id text, title text, url text"
    offers = [("713", offer, offer, url) for offer, url in OFFERS.items()]
    make(module_warehouse, "redtrack.offers", ids, offers)
    names = "_client_id text, network_affiliate_id bigint, name text"
    affiliates = [
        ("713", 11, "G2 - Meta"),
        ("713", 21, "Blue Bench"),
        ("713", 22, "Venture Beyond"),
    ]
    make(module_warehouse, "everflow.affiliates", names, affiliates)
    of = "_client_id text, network_offer_id bigint, network_advertiser_id bigint, name text"
    make(module_warehouse, "everflow.offers", of, [("713", 101, 1, "CCW Certificate")])
    codes = [("713", "affiliate", 21, "28KL6"), ("713", "offer", 101, "2CTPL")]
    kinds = "_client_id text, kind text, id bigint, code text"
    make(module_warehouse, "everflow.tracking_codes", kinds, codes)
    chosen = tuple(f"+{mart}" for mart in MARTS)
    module_dbt.succeeds("seed")
    module_dbt.succeeds("run", "--select", *chosen)
    default = {
        "performance": rows(module_warehouse, worked_example.PERFORMANCE_SQL),
        "gaps": rows(
            module_warehouse,
            "select source_name, gap, affiliate_label, suggested_affiliate_label, suggested_by,"
            " suggested_line from marts.mapping_gaps where suggested_by = 'link'",
        ),
        "rules": rows(
            module_warehouse, "select distinct mapping_rule from marts.campaign_performance"
        ),
        "doctor": [],
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        module_warehouse.activate(monkeypatch)
        default["doctor"] = [(one.message, one.repair) for one in suggestions()]
    project = yaml.safe_load((root() / "dbt_project.yml").read_text(encoding="utf-8"))
    registry = project["vars"]["clients"]
    registry["713"]["mapping"] = "offer"
    variables = ("--vars", json.dumps({"clients": registry}))
    module_dbt.succeeds("run", *variables, "--select", *chosen)
    return Linked(module_warehouse, default)


def test_without_the_registrys_word_links_only_suggest(linked: Linked) -> None:
    assert set(linked.default["performance"]) == worked_example.expected_performance()
    assert linked.default["rules"] == [("csv",), ("remainder",), ("unmapped",)]
    line = "New Source,,64f1a20b9c3d5e0001a4c0ff,21,Blue Bench,1,CCW"
    assert linked.default["gaps"] == [
        ("Facebook CCW", "disputed", "G2 - Meta", "Blue Bench", "link",
         f"Facebook CCW,,{MAPPED},21,Blue Bench,1,CCW"),
        ("Facebook CTI", "unmapped", None, "Venture Beyond", "link",
         f"Facebook CTI,,{NO_ONE},22,Venture Beyond,1,CCW"),
        ("New Source", "unmapped", None, "Blue Bench", "link", line),
    ]  # fmt: skip
    told = dict(linked.default["doctor"])
    gap = (
        f"client 713: New Source ({NEW}, $20.00 so far) maps to no one; the links of its offers"
        " name Blue Bench of CCW"
    )
    assert told[gap] == f"If that is right, add the line {line}"
    assert any("Facebook CCW" in one and "maps to G2 - Meta" in one for one in told)


def test_a_link_maps_spend_where_the_file_has_no_line_and_there_alone(linked: Linked) -> None:
    """Blue Bench becomes paid media; `n/a` and a line of another affiliate stay."""
    assert linked.warehouse.rows(PERFORMANCE) == [
        ("Blue Bench", True, 360, 12, 12, 1),
        ("G2 - Meta", True, 0, 600, 600, 30),
        ("Unmapped: Facebook CTI", False, 0, Decimal("310.25"), Decimal("310.25"), None),
        ("Unmapped: New Source", False, 0, 8, 8, None),
        ("Venture Beyond", False, 0, 0, 0, None),
    ]
    [(spend, unmapped)] = linked.warehouse.rows(
        "select redtrack_cost, unmapped_cost from marts.daily_summary where date = '2026-11-18'"
    )
    assert (spend, unmapped) == (Decimal("1317.25"), Decimal("330.25"))


def test_every_row_names_the_rule_and_spend_is_conserved(linked: Linked) -> None:
    part = "source_id, offer_id, mapping_rule, cost"
    where = f"where source_id = '{NEW}'"
    assert rows(linked.warehouse, f"select {part} from marts.campaign_performance {where}") == [
        (NEW, "o1", "offer", Decimal(12)),
        (NEW, "o3", "unmapped", Decimal(5)),
        (NEW, None, "remainder", Decimal(3)),
    ]
    columns = "source_table, offer_id, mapping_rule, amount, load_id"
    where += " and measure = 'redtrack_cost'"
    assert rows(linked.warehouse, f"select {columns} from marts.figure_parts {where}") == [
        ("redtrack.campaign_spend", "o1", "offer", Decimal(12), "load-2"),
        ("redtrack.campaign_spend", "o3", "unmapped", Decimal(5), "load-2"),
        ("redtrack.daily_spend", None, "remainder", Decimal(3), None),
    ]
    for mart, amount in (("campaign_performance", "cost"), ("daily_performance", "redtrack_cost")):
        assert linked.warehouse.rows(f"select sum({amount}) from marts.{mart}") == [
            (Decimal("1317.25"),)
        ]
    current = "from marts.daily_performance_versions where known_to is null"
    versions = linked.warehouse.rows(f"select sum(cost), count(*) {current}")
    assert versions == linked.warehouse.rows(
        "select sum(cost), count(*) from marts.daily_performance"
    )


def test_a_figure_by_offer_names_its_campaign_and_no_file(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked.warehouse.activate(monkeypatch)
    answer = explain(Question(clients.client("713"), DAY, "cost", "blue bench", "CCW"))
    [part] = answer["parts"]
    assert (answer["value"], part["amount"]) == ("12", "12")
    assert part["key"] == {
        "source_id": NEW, "source_name": "New Source", "campaign_id": "c1", "offer_id": "o1",
    }  # fmt: skip
    assert part["mapping"] == {"file": None, "line": None, "commit": None, "rule": "offer"}
