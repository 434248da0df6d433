"""A report's exposure must name exactly the marts that its queries read."""

from __future__ import annotations

from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from reports.registry import definitions
from signalroom.paths import root

EXPOSURES = "transform/models/marts/_*exposure*.yml"
ON_MARTS = [report for report in definitions().values() if report.queries]


def exposures() -> list[dict[str, Any]]:
    files = sorted(root().glob(EXPOSURES))
    return [
        one
        for file in files
        for one in yaml.safe_load(file.read_text(encoding="utf-8"))["exposures"]
    ]


def tables_read(sql: str, dialect: str) -> set[str]:
    tree = sqlglot.parse_one(sql, dialect=dialect)
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = list(tree.find_all(exp.Table))
    assert not any(table.db for table in tables), "schemas are chosen by the warehouse, not here"
    return {table.name for table in tables} - own


@pytest.mark.parametrize("report", ON_MARTS, ids=lambda report: report.name)
def test_exposure_names_exactly_the_marts_that_the_queries_read(report) -> None:  # type: ignore[no-untyped-def]
    named = {one["name"]: one["depends_on"] for one in exposures()}
    assert report.name in named, f"{EXPOSURES} has no exposure {report.name}"
    marts = {text.split("'")[1] for text in named[report.name]}
    assert marts == {table for sql in report.sql().values() for table in tables_read(sql, "duckdb")}


def test_every_exposure_of_a_report_is_of_one_that_exists() -> None:
    named = {one["name"] for one in exposures() if "/query.sql" in one["description"]}
    assert named == {report.name for report in ON_MARTS}


@pytest.mark.parametrize("report", ON_MARTS, ids=lambda report: report.name)
def test_queries_read_one_mart_each_the_same_on_both_engines_and_divide_nowhere(report) -> None:  # type: ignore[no-untyped-def]
    for sql in report.sql().values():
        assert tables_read(sql, "duckdb") == tables_read(sql, "postgres")
        assert len(tables_read(sql, "postgres")) == 1
        assert not list(sqlglot.parse_one(sql, dialect="postgres").find_all(exp.Div))
