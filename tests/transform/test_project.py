"""Rules of the dbt project: descriptions, where tests are, which layers may depend on which."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.registry import NAMES
from reports.preview.recorded import create_marts
from tests.transform.dbt import Dbt


@pytest.fixture(scope="module")
def manifest(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """dbt's manifest of the project, parsed without a warning."""
    home = tmp_path_factory.mktemp("home")
    dbt = Dbt(project, {"SIGNALROOM_HOME": str(home), "SIGNALROOM_TARGET": "duckdb"})
    dbt.succeeds("--warn-error", "parse")
    text = (dbt.target_path / "manifest.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def models(manifest: dict[str, Any], schema: str | None = None) -> dict[str, dict[str, Any]]:
    """The models, or those of one schema, by their unique id."""
    return {
        name: node
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and schema in (None, node["schema"])
    }


def test_every_model_says_its_grain(manifest: dict[str, Any]) -> None:
    silent = [
        node["name"]
        for node in models(manifest).values()
        if "One row per " not in node["description"].split(". ")[-1].strip().replace("\n", " ")
    ]
    assert silent == []


def test_every_grain_below_the_marts_is_tested(manifest: dict[str, Any]) -> None:
    tested = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") == "unique_grain"
    }
    below = {name for name, node in models(manifest).items() if node["schema"] != "marts"}
    assert below - tested == set()


def test_every_mart_column_is_described_and_typed(manifest: dict[str, Any]) -> None:
    marts = models(manifest, "marts").values()
    silent = [
        (node["name"], column["name"])
        for node in marts
        for column in node["columns"].values()
        if not column["description"] or not column["data_type"]
    ]
    assert silent == []
    assert all(node["config"]["contract"]["enforced"] for node in marts)
    assert {node["name"] for node in marts} >= {
        "daily_performance",
        "daily_summary",
        "affiliate_leaderboard",
        "weekly_rollup",
        "orders",
        "state_performance",
        "unmapped_spend",
    }


def test_versions_have_every_column_of_the_mart(manifest: dict[str, Any]) -> None:
    nodes = {node["name"]: list(node["columns"]) for node in models(manifest, "marts").values()}
    mart, versions = nodes["daily_performance"], nodes["daily_performance_versions"]
    assert versions == [*mart, "known_from", "known_to"]


def test_no_test_comes_too_late_to_keep_a_mart(manifest: dict[str, Any]) -> None:
    marts = set(models(manifest, "marts"))
    late = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and marts & set(node["depends_on"]["nodes"])
    ]
    assert late == []


def test_no_view_goes_away_with_a_table_that_dbt_rebuilds(manifest: dict[str, Any]) -> None:
    """An incremental table is rebuilt by a full refresh, and builds refresh all of them at once."""
    rebuilt = {
        name
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "seed" or node["config"].get("materialized") == "table"
    }
    fragile = [
        node["name"]
        for node in models(manifest).values()
        if node["config"]["materialized"] == "view" and rebuilt & set(node["depends_on"]["nodes"])
    ]
    assert fragile == []
    assert {node["config"]["materialized"] for node in models(manifest, "marts").values()} == {
        *("table", "incremental")
    }


def test_nothing_but_staging_reads_raw_and_nothing_reads_a_mart(manifest: dict[str, Any]) -> None:
    marts = set(models(manifest, "marts"))
    wrong = [
        node["name"]
        for node in models(manifest).values()
        if (node["schema"] != "staging" and node["sources"])
        or marts & set(node["depends_on"]["nodes"])
    ]
    assert wrong == []


def test_every_source_table_has_a_freshness_or_says_why_not(manifest: dict[str, Any]) -> None:
    untimed = {
        f"{source['source_name']}.{source['name']}"
        for source in manifest["sources"].values()
        if not source["freshness"] or not source["freshness"]["error_after"]["count"]
    }
    # ingest's own tables are the clock for the others, and builds write the history of the product;
    # clicks are loaded on demand
    ours = ("ops.", "history.")
    assert {name for name in untimed if not name.startswith(ours)} == {"everflow.clicks"}
    assert all(source["description"] for source in manifest["sources"].values())


def test_exposures_name_marts(manifest: dict[str, Any]) -> None:
    marts = set(models(manifest, "marts"))
    exposures = manifest["exposures"].values()
    assert {exposure["name"] for exposure in exposures} >= {"daily", "affiliate_leaderboard"}
    assert all(set(exposure["depends_on"]["nodes"]) <= marts for exposure in exposures)


def test_documentation_opens_with_the_question_the_layers_and_queries_that_run(
    manifest: dict[str, Any],
) -> None:
    """By default dbt shows its own boilerplate text."""
    overview = manifest["docs"]["doc.signalroom.__overview__"]["block_contents"]
    assert overview.startswith("# What did a conversion cost yesterday?")
    layers = [f"`{name}`" for name in (*NAMES, "staging", "intermediate", "marts")]
    assert [name for name in layers if name not in overview] == []
    assert "(#!/overview?g_v=1&g_i=%2Bdaily_performance)" in overview
    [queries] = re.findall(r"```sql\n(.*?)```", overview, re.DOTALL)
    with duckdb.connect() as connection:
        connection.execute(create_marts())
        shown = [connection.execute(one).description for one in queries.split(";") if one.strip()]
    assert len(shown) == 3


def test_graph_tells_the_layers_apart_and_leads_to_the_page(manifest: dict[str, Any]) -> None:
    layers = ("staging", "intermediate", "marts")
    colors = [
        {node["docs"]["node_color"] for node in models(manifest, layer).values()}
        for layer in layers
    ]
    assert [len(one) for one in colors] == [1, 1, 1]
    assert len(set().union(*colors)) == 3
    assert all(one["url"].startswith("http") for one in manifest["exposures"].values())


def test_every_macro_says_what_it_does(manifest: dict[str, Any]) -> None:
    silent = [
        macro["name"]
        for macro in manifest["macros"].values()
        if macro["package_name"] == "signalroom"
        # an engine's implementation of a macro is described at the macro
        and not macro["name"].startswith(("default__", "duckdb__", "postgres__", "test_"))
        and not macro["description"]
    ]
    assert silent == []
