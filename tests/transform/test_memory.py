"""What was known when, what a figure consists of, and what a different mapping would change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import signalroom
from cli.what_if import show
from reports.explain import Question, explain
from signalroom import clients, paths
from signalroom.errors import ConfigurationError, TransformError, WarehouseError
from tests.support.warehouse import DUCKDB_FIRST, Warehouse
from tests.support.warm import warm_builds
from tests.transform import worked_example
from tests.transform.dbt import WITHOUT_UNIT_TESTS, WITHOUT_VIEWS, Dbt
from transform.what_if import what_if_mapping

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("module_warehouse", DUCKDB_FIRST, indirect=True),
]

DAY = date(2026, 11, 18)
PERFORMANCE = (
    "_client_id, date, advertiser_id, advertiser_label, affiliate_id, affiliate_label, is_internal,"
    " is_unmapped, clicks, conversions, everflow_payout, everflow_revenue, redtrack_cost,"
    " redtrack_clicks, cost, cpa, cpa_state, profit"
)
INSTANTS = [f"2026-11-{day}T12:00:00+00:00" for day in (19, 20, 21, 22)]
# A payout that grew, an affiliate that disappeared, a label in another spelling; then nothing.
CHANGES = [
    "update everflow.daily_stats set payout = payout + 40 where affiliate_id = 21;"
    "update ops.control_totals set total = total + 40 where measure = 'payout' and total > 0",
    "delete from everflow.daily_stats where affiliate_id = 22;"
    "update everflow.daily_stats set affiliate_label = 'blue BENCH' where affiliate_id = 21;"
    "update ops.control_totals set total = total - 1"
    " where source = 'everflow' and measure = 'rows' and total > 0;"
    "update ops.control_totals set total = total - 80"
    " where source = 'everflow' and measure = 'clicks' and total > 0",
    "",
]


@dataclass
class History:
    """A warehouse after builds at several instants, with the mart as it was after each."""

    warehouse: Warehouse
    marts: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return sorted(self.warehouse.rows(sql), key=repr)


@pytest.fixture(scope="module")
def history(module_warehouse: Warehouse, module_dbt: Dbt) -> History:
    worked_example.load(module_warehouse)
    found = History(module_warehouse)
    marts = ("daily_performance", "daily_performance_versions", "figure_parts", "daily_summary")
    chosen = tuple(f"+{mart}" for mart in marts)
    command = ("build", *WITHOUT_UNIT_TESTS, "test", "--select", *chosen)
    for instant, change in zip(INSTANTS, ["", *CHANGES], strict=True):
        if change:
            module_warehouse.execute(change)
        dbt = Dbt(module_dbt.project, {**module_dbt.environment, "SIGNALROOM_NOW": instant})
        dbt.succeeds(*command)
        command = ("run", *WITHOUT_VIEWS, "--select", *chosen)
        found.marts[instant] = found.rows(f"select {PERFORMANCE} from marts.daily_performance")
    return found


def test_each_build_can_be_read_as_it_was(history: History) -> None:
    for instant, mart in history.marts.items():
        known = history.rows(
            f"select {PERFORMANCE} from marts.daily_performance_versions"
            f" where known_from <= '{instant}' and (known_to > '{instant}' or known_to is null)"
        )
        assert known == mart, instant
    assert len({repr(mart) for mart in history.marts.values()}) == 3


def test_what_did_not_change_has_one_version(history: History) -> None:
    versions = history.rows(
        "select affiliate_label, count(*), count(known_to) from marts.daily_performance_versions"
        " where affiliate_label in ('SB - Meta', 'Venture Beyond') group by 1"
    )
    assert versions == [("SB - Meta", 1, 0), ("Venture Beyond", 1, 1)]


def test_a_full_refresh_forgets_nothing(history: History, module_dbt: Dbt) -> None:
    sql = "select count(*), count(known_to) from marts.daily_performance_versions"
    before = history.rows(sql)
    models = ("int_performance__versions", "daily_performance_versions")
    module_dbt.succeeds("run", "--full-refresh", "--select", *models)
    assert history.rows(sql) == before


@pytest.fixture
def ask(history: History, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    history.warehouse.activate(monkeypatch)

    def asked(metric: str, **scope: str) -> dict[str, Any]:
        return explain(Question(clients.client("713"), DAY, metric, **scope))

    return asked


def added(parts: list[dict[str, Any]], column: str | None = None) -> Decimal:
    return sum(
        (Decimal(part["amount"]) for part in parts if column in (None, part["column"])), Decimal(0)
    )


@pytest.mark.parametrize(
    "metric",
    [
        *("conversions", "clicks", "cost", "profit", "everflow_payout", "everflow_revenue"),
        *("redtrack_cost", "unmapped_cost", "blended_cpa", "mapped_cpa"),
    ],
)
def test_the_parts_of_a_clients_day_make_its_figure(
    history: History, ask: Callable[..., dict[str, Any]], metric: str
) -> None:
    answer = ask(metric)
    column = "sum(clicks)" if metric == "clicks" else metric
    table = "daily_performance" if metric == "clicks" else "daily_summary"
    [(figure,)] = history.rows(
        f"select {column} from marts.{table} where _client_id = '713' and date = '{DAY}'"
    )
    assert Decimal(answer["value"]) == figure
    if metric.endswith("cpa"):
        conversions = added(answer["parts"], "conversions")
        cost = added(answer["parts"]) - conversions
        assert (cost / conversions).quantize(Decimal("0.000001")) == figure
    else:
        assert added(answer["parts"]) == figure


def test_a_brands_figures_are_those_of_its_daily_report(
    history: History, ask: Callable[..., dict[str, Any]]
) -> None:
    where = f"where _client_id = '713' and date = '{DAY}' and advertiser_id = 1"
    [(cost, conversions)] = history.rows(
        f"select sum(cost), sum(conversions) from marts.daily_performance {where}"
        " and not is_unmapped"
    )
    for brand in ("CCW", "ccw", "1"):
        assert Decimal(ask("cost", brand=brand)["value"]) == cost
    cpa = (cost / conversions).quantize(Decimal("0.000001"))
    assert Decimal(ask("cpa", brand="CCW")["value"]) == cpa
    groups = [ask("cost", brand="CCW", group=group)["value"] for group in ("internal", "external")]
    assert sum(map(Decimal, groups)) == cost
    # unmapped spend of the brand and spend without a known brand: 12 + 310.25 + 20
    for question in (ask("unmapped_cost", brand="CCW"), ask("cost", brand="CCW", group="unmapped")):
        assert question["value"] == "342.25"


def test_every_affiliates_cost_and_cpa_are_explained(
    history: History, ask: Callable[..., dict[str, Any]]
) -> None:
    rows = history.rows(
        "select affiliate_label, advertiser_id, cost, cpa, cpa_state from marts.daily_performance"
        f" where _client_id = '713' and date = '{DAY}' and advertiser_id is not null"
    )
    assert {row[4] for row in rows} >= {"ok", "missing_spend", "no_conversions", "unmapped_spend"}
    for label, advertiser_id, cost, cpa, _ in rows:
        scope = {"affiliate": label.upper(), "brand": str(advertiser_id)}
        assert Decimal(ask("cost", **scope)["value"]) == cost
        value = ask("cpa", **scope)["value"]
        assert (None if value is None else Decimal(value)) == cpa


def test_an_answer_names_rows_totals_zone_and_window(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask("cost", affiliate="G2 - Meta", brand="CCW")
    [part] = answer["parts"]
    assert part["table"] == "redtrack.daily_spend"
    assert part["key"]["source_name"] == "Facebook CCW"
    assert part["mapping"]["rule"] == "csv"
    assert part["mapping"]["file"].endswith("713/mappings/internal-affiliates.csv")
    assert answer["control_total"] == {"redtrack.daily_spend.cost": "1317.25"}
    assert answer["zone"] == "America/New_York"
    assert answer["window"]["start"].startswith("2026-11-18T05:00:00")


def test_an_answer_tells_each_value_since_it_was_known(ask: Callable[..., dict[str, Any]]) -> None:
    """A new spelling of the label does not count as a new value."""
    answer = ask("everflow_payout", affiliate="Blue Bench", brand="CCW")
    assert answer["versions"] == [
        {"known_from": INSTANTS[0], "value": "360"},
        {"known_from": INSTANTS[1], "value": "400"},
    ]
    unknown = ask("cpa", affiliate="G2 - Google", brand="CCW")
    assert unknown["versions"] == [{"known_from": INSTANTS[0], "value": None}]


def test_what_is_printed_has_every_digit_and_all_that_is_known(
    history: History, ask: Callable[..., dict[str, Any]]
) -> None:
    asked = ["explain", "713", str(DAY), "cost", "--affiliate", "G2 - Meta", "--brand", "CCW"]
    printed = CliRunner().invoke(signalroom, asked)
    assert printed.exit_code == 0, printed.output
    text = " ".join(printed.output.split())
    for said in (
        *("cost of 713 on 2026-11-18: 600", "RedTrack spend of paid media"),
        *("Nov 18, 12:00 AM EST to Nov 19, 12:00 AM EST", "America/New_York"),
        "Load unknown of redtrack.daily_spend",
        "The vendor's total of the day, all brands: 1317.25",
        "600 since Nov 19, 7:00 AM EST",
    ):
        assert said in text, said
    money = "select affiliate_label from marts.figure_parts where amount = 250.5"
    assert history.rows(money) == [("SB - Meta",)]
    assert "250.5" in CliRunner().invoke(signalroom, [*asked[:4], "--json"]).output


def test_what_cannot_be_explained_is_said_in_one_line(
    history: History, ask: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(ConfigurationError, match="Brand 'XYZ' is unknown"):
        ask("cost", brand="XYZ")
    with pytest.raises(ConfigurationError, match="Metric 'roas' is unknown"):
        ask("roas")
    with pytest.raises(
        ConfigurationError, match=r"'G2 - Metta' is unknown.*Did you mean 'G2 - Meta'\?$"
    ):
        ask("cost", affiliate="G2 - Metta")
    question = Question(clients.client("713"), date(2020, 1, 1), "cost")
    with pytest.raises(WarehouseError, match="The marts have no 2020-01-01"):
        explain(question)


HEADER = (
    "redtrack.source,redtrack.source_alias,redtrack.source_id,everflow.affiliate_id,"
    "everflow.affiliate_label,everflow.advertiser_id,everflow.advertiser_label\n"
)


def test_another_mapping_moves_costs_and_conserves_them(
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    history.warehouse.activate(monkeypatch)
    warm_builds(monkeypatch)
    file = paths.root() / "data/clients/713/mappings/internal-affiliates.csv"
    current = file.read_text(encoding="utf-8-sig")
    draft = tmp_path / "draft.csv"
    # the spend mapped to no one goes to Blue Bench, which becomes paid media; that of SB - Meta
    # moves to another affiliate; SB - Meta remains paid media, through a source without spend
    for source, label in (("2", "SB - Meta"), ("3", " SB - Meta ")):
        mapped = f"64f1a20b9c3d5e0001a4c00{source},12,{label},1,CCW"
        assert mapped in current
        current = current.replace(mapped, mapped.replace(f"12,{label}", "11,G2 - Meta"))
    draft.write_text(
        f"{current}\nNew Source,,64f1a20b9c3d5e0001a4c0ff,,blue bench,1,CCW\n"
        "Old Source,,64f1a20b9c3d5e0001a4c0fe,12,SB - Meta,1,CCW\n",
        encoding="utf-8",
    )
    before = history.rows("select * from marts.daily_performance")
    answer = what_if_mapping(draft, clients.client("713"), 30)
    moved = {(one["brand"], one["affiliate"].lower()): one for one in answer["affiliates"]}
    bench = next(one for (_, label), one in moved.items() if label == "blue bench")
    assert (bench["before"]["kind"], bench["after"]["kind"]) == ("external", "internal")
    assert (bench["before"]["cost"], bench["after"]["cost"]) == ("400", "20")
    assert ("no brand", "unmapped: new source") in moved
    assert answer["totals"]["redtrack_cost"] == "1317.25"
    assert history.rows("select * from marts.daily_performance") == before
    monkeypatch.setenv("COLUMNS", "120")
    show(answer)
    [line] = [one for one in capsys.readouterr().out.splitlines() if "blue bench" in one.lower()]
    assert line.count("$") == 4, "cost and CPA are dollars, before and after"
    unpaid = moved["CCW", "sb - meta"]
    after = unpaid["after"]
    assert (after["kind"], after["cost"], after["cpa"]) == ("internal", None, None)
    tiny = {"cost": "0.01", "cpa": "0"}
    show({**answer, "affiliates": [unpaid, {**bench, "affiliate": "Tiny", "after": tiny}]})
    printed = capsys.readouterr().out
    assert "no cost" not in printed, "spend that is missing, or less than half a cent each"
    line = next(one for one in printed.splitlines() if "SB - Meta" in one)
    assert line.count("\u2013") == 2, "neither its cost nor its CPA is known"

    draft.write_text(HEADER.replace(",", ";"))
    with pytest.raises(TransformError, match="separated by ';'"):
        what_if_mapping(draft, clients.client("713"), 30)
