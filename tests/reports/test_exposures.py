"""An exposure says which marts a report reads; the lineage is a lie when its query reads others."""

from __future__ import annotations

import pytest
import sqlglot
import yaml
from sqlglot import exp

from reports.compose import QUERIES
from reports.registry import definitions
from signalroom.paths import root

EXPOSURES = "transform/models/marts/_marts__exposures.yml"


def tables_read(name: str, dialect: str) -> set[str]:
    tree = sqlglot.parse_one((QUERIES / f"{name}.sql").read_text(encoding="utf-8"), dialect=dialect)
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = list(tree.find_all(exp.Table))
    assert not any(table.db for table in tables), "schemas are chosen by the warehouse, not here"
    return {table.name for table in tables} - own


@pytest.mark.parametrize(
    "name", sorted(name for name in definitions() if definitions()[name].query)
)
def test_exposure_names_exactly_the_marts_that_the_query_reads(name: str) -> None:
    file = root() / EXPOSURES
    assert file.exists(), f"{EXPOSURES} is missing: every report has an exposure there"
    exposures = yaml.safe_load(file.read_text(encoding="utf-8"))["exposures"]
    named = {one["name"]: one["depends_on"] for one in exposures}
    assert name in named, f"{EXPOSURES} has no exposure {name}"
    marts = {text.split("'")[1] for text in named[name]}
    assert marts == tables_read(str(definitions()[name].query), "duckdb")


def test_every_exposure_of_a_report_is_of_one_that_exists() -> None:
    exposures = yaml.safe_load((root() / EXPOSURES).read_text(encoding="utf-8"))["exposures"]
    named = {one["name"] for one in exposures if "reports/queries/" in one["description"]}
    assert named == {name for name in definitions() if definitions()[name].query}


@pytest.mark.parametrize("file", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_query_reads_the_same_tables_on_both_engines_and_divides_nowhere(file) -> None:  # type: ignore[no-untyped-def]
    assert tables_read(file.stem, "duckdb") == tables_read(file.stem, "postgres")
    tree = sqlglot.parse_one(file.read_text(encoding="utf-8"), dialect="postgres")
    assert not list(tree.find_all(exp.Div))
