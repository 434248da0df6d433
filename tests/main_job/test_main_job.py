"""The main job as a whole: correct numbers, equal engines, and a second run without changes.

One file, so that one process of the test run does the expensive work once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from reports import compose
from tests.main_job.conftest import CLIENTS, MainJob
from tests.support.processes import ROOT, signalroom_cli
from tests.support.warehouse import DUCKDB_FIRST, POSTGRES_FIRST, Target, Warehouse
from tests.transform.dbt import WITHOUT_UNIT_TESTS, Dbt

# the first test waits for the whole job on both engines
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BASES = {"allocated", "direct"}
TARGETS: tuple[Target, ...] = ("duckdb", "postgres")
MARTS = (
    "marts.daily_performance",
    "marts.daily_summary",
    "marts.unmapped_spend",
    "marts.orders",
)
FURTHER_MARTS = (
    "marts.affiliate_leaderboard",
    "marts.weekly_rollup",
    "marts.state_performance",
    "marts.mapping_gaps",
    "marts.daily_project_performance",
    "marts.funnel_daily",
    "marts.email_engagement",
)
# the job first loads 36 days of these
RECENT_MARTS = ("marts.funnel_daily", "marts.email_engagement")
RAW = (
    "everflow.daily_stats",
    "redtrack.daily_spend",
    "s3_exports.orders_create",
    "s3_exports.orders_update",
    "s3_exports.prospects_create",
)
# buyers' data as sandbox/orders and sandbox/visits make it up; cards by their digits
PERSON = re.compile(
    r"@|(?<![0-9a-f]{2})2025550\d{3}|\b203\.0\.113\.|(?<![0-9a-f]{2})15550100"
    r"|\b4111(X|\d{12})|\b[3-6]\d{14,15}\b"
    r"|\b(Oak St|Main St|PO Box|Elm (St|Ave))\b"
    r"|\b(Ann|Bob|María|Dwayne|Sam|Zoë|Kate|Miller|Smith|Nguyen|García|Brown|Katz)\b"
    r"|\bLee \"Bud|O'(Brien|Neil)\b"
)
# load times are from the real clock and differ from run to run
INSTANTS = tuple(f"{source}_loaded_at" for source in ("everflow", "redtrack", "posthog", "mautic"))


def same(value: Any) -> Any:
    """A value normalized for comparison: ratios to six digits, money without trailing zeros."""
    if isinstance(value, Decimal):
        return value.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP).normalize() + 0
    return value


def rows_of(rows: Iterable[Mapping[str, Any]], columns: list[str]) -> list[tuple[Any, ...]]:
    return sorted(
        (tuple(same(row[column]) for column in columns) for row in rows),
        key=lambda row: tuple(str(value) for value in row),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_the_job_ends_well(main_job: MainJob, target: Target) -> None:
    said = main_job.said[target]
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Traceback" not in said.stdout + said.stderr


def test_what_looks_wrong_is_recorded_and_nobody_is_told(main_job: MainJob) -> None:
    """Channels are configured, but sending was not requested."""
    found = main_job.warehouses["postgres"].rows("select distinct kind from ops.incidents")
    assert {kind for (kind,) in found} >= {"unmapped_spend"}
    assert "SLACK_BOT_TOKEN" in main_job.environments["postgres"]
    assert main_job.messages == 0


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", [*MARTS, "everflow.daily_stats", "redtrack.daily_spend"])
def test_every_row_is_the_truth(main_job: MainJob, target: Target, client: str, name: str) -> None:
    truth = getattr(main_job.truth[client], name.split(".")[1])
    found = [row for row in main_job.table(target, name) if row["_client_id"] == client]
    assert truth, "the simulated agency has rows of every table"
    columns = sorted((set(truth[0]) & set(found[0])) - {*INSTANTS, "_client_id"})
    assert len(columns) >= 4
    assert rows_of(found, columns) == rows_of(truth, columns)


@pytest.mark.parametrize("target", TARGETS)
def test_projects_are_the_truth(main_job: MainJob, target: Target) -> None:
    """Client cti's offers have belonged to two projects since 2026-11-02."""
    for client in CLIENTS:
        truth = main_job.truth[client].daily_project_performance
        rows = main_job.table(target, "marts.daily_project_performance")
        found = [row for row in rows if row["_client_id"] == client]
        columns = sorted(set(truth[0]))
        assert len(columns) >= 12
        assert {row["cost_basis"] for row in truth} >= ({"direct"} if client == "713" else BASES)
        assert rows_of(found, columns) == rows_of(truth, columns)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", RECENT_MARTS)
def test_recent_days_are_the_truth(main_job: MainJob, target: Target, name: str) -> None:
    start = main_job.first_recent_day
    for client in CLIENTS:
        rows = getattr(main_job.truth[client], name.split(".")[1])
        truth = [row for row in rows if row["date"] >= start]
        found = [
            row
            for row in main_job.table(target, name)
            if row["_client_id"] == client and row["date"] >= start
        ]
        columns = sorted(set(truth[0])) if truth else []
        assert rows_of(found, columns) == rows_of(truth, columns)
        assert bool(truth) is ((client, name) != ("cti", "marts.email_engagement"))


@pytest.mark.parametrize("name", [*MARTS, *FURTHER_MARTS, *RAW])
def test_both_engines_hold_the_same_rows(main_job: MainJob, name: str) -> None:
    duckdb, postgres = (main_job.table(target, name) for target in TARGETS)
    assert duckdb
    columns = sorted(set(duckdb[0]) - set(INSTANTS))
    assert columns == sorted(set(postgres[0]) - set(INSTANTS))
    assert rows_of(duckdb, columns) == rows_of(postgres, columns)


@pytest.mark.parametrize("target", TARGETS)
def test_every_row_says_whose_it_is(main_job: MainJob, target: Target) -> None:
    for name in (*MARTS, *RAW):
        owners = {row["_client_id"] for row in main_job.table(target, name)}
        assert owners == set(CLIENTS), name


@pytest.mark.parametrize("target", TARGETS)
def test_instants_are_aware_and_money_is_decimal(main_job: MainJob, target: Target) -> None:
    row = main_job.table(target, "marts.daily_summary")[0]
    assert isinstance(row["everflow_loaded_at"], datetime)
    assert row["everflow_loaded_at"].tzinfo is not None
    assert isinstance(row["cost"], Decimal)


@pytest.mark.parametrize("target", TARGETS)
def test_the_closing_table_shows_the_truth(main_job: MainJob, target: Target) -> None:
    """CPA per client and brand, as printed, from the truth's own sums."""
    shown = main_job.said[target].stdout
    for client, advertiser_id in (("713", 1), ("713", 2), ("cti", 7)):
        rows = [
            row
            for row in main_job.truth[client].daily_performance
            if str(row["date"]) == "2026-11-18"
            and row["advertiser_id"] == advertiser_id
            and not row["is_unmapped"]
        ]
        cost = sum((row["cost"] for row in rows), Decimal(0))
        cpa = cost / sum(row["conversions"] for row in rows)
        cents = Decimal("0.01")
        line = next(
            line
            for line in shown.splitlines()
            if f"${cost.quantize(cents, ROUND_HALF_UP):,}" in line
        )
        assert line.split()[0] == client
        assert line.rstrip().endswith(f"${cpa.quantize(cents, ROUND_HALF_UP):,}")


@pytest.mark.parametrize("name", ["affiliate_leaderboard", "weekly_rollup", "state_performance"])
def test_monday_reports_say_the_same_on_both_engines(
    main_job: MainJob, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    said = []
    for target in TARGETS:
        for variable, value in main_job.environments[target].items():
            monkeypatch.setenv(variable, value)
        rendered = compose(name, "713", date(2026, 11, 15))
        # a report is incomplete if a source failed; the job's output names that source
        why = f"{target}: {rendered.context.completeness}\n{main_job.said[target].stdout}"
        assert rendered.edition == "complete", why
        said.append([*rendered.messages["slack"]["blocks"][:-1], rendered.context.sheet.csv()])
    assert said[0] == said[1]
    assert len(said[0]) >= 4


@pytest.mark.parametrize("target", POSTGRES_FIRST)
def test_a_second_run_changes_nothing_and_says_so(main_job: MainJob, target: Target) -> None:
    def contents() -> dict[str, list[tuple[object, ...]]]:
        found = {}
        for name in (*MARTS, *RAW):
            rows = main_job.table(target, name)
            columns = sorted(set(rows[0]) - set(INSTANTS))
            found[name] = rows_of(rows, columns)
        return found

    before = contents()
    said = signalroom_cli("run", env=main_job.environments[target])
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Nothing has changed" in said.stdout
    assert contents() == before


@pytest.mark.parametrize("target", POSTGRES_FIRST)
def test_half_an_env_file_changes_nothing(
    main_job: MainJob, target: Target, tmp_path: Path
) -> None:
    """An analyst's laptop has only some of the keys of sources that are on."""
    whole = main_job.environments[target]
    half = {
        name: value
        for name, value in whole.items()
        if not name.startswith(("EVERFLOW_API_KEY", "REDTRACK_API_KEY__", "MAUTIC_CLIENT", "S3_"))
    }

    def state(env: Mapping[str, str]) -> dict[str, Any]:
        """What is on, complete and fresh, what is wrong, and what a report says of it."""
        status = json.loads(signalroom_cli("status", "--json", env=env).stdout)
        made = signalroom_cli("report", "daily_ccw", "--out", str(tmp_path), env=env)
        assert made.returncode == 0, made.stdout + made.stderr
        (text,) = tmp_path.glob("daily_ccw-713-*.email.txt")
        tables = ("ops.sources", "ops.incidents", "marts.daily_summary")
        held = [name for name in tables if target == "postgres" or name != "ops.incidents"]
        return {
            "sources": [(one["client"], one["source"]) for one in status["sources"]],
            "alerts": status["alerts"],
            "text": text.read_text("utf-8"),
            **{name: sorted(map(str, main_job.table(target, name))) for name in held},
        }

    before = state(whole)
    assert "everflow" in str(before["ops.sources"])
    built = signalroom_cli("build", env=half)
    assert built.returncode == 0, built.stdout + built.stderr
    assert state(half) == before
    judged = signalroom_cli("doctor", "--offline", env=half)
    pulled = signalroom_cli("ingest", "everflow", "--client", "713", env=half)
    assert (judged.returncode, pulled.returncode) == (1, 1)
    assert "everflow for client 713 is on, and EVERFLOW_API_KEY is not set" in judged.stderr
    assert "EVERFLOW_API_KEY is not set, but the source has been on since" in pulled.stderr
    assert state(half)["ops.sources"] == before["ops.sources"]


@pytest.mark.parametrize(
    "command",
    [("source", "freshness"), ("test", *WITHOUT_UNIT_TESTS), ("docs", "generate")],
)
@pytest.mark.parametrize("target", DUCKDB_FIRST)
def test_plain_dbt_works_on_what_the_run_left(
    main_job: MainJob, target: Target, command: tuple[str, ...]
) -> None:
    folder = main_job.warehouses[target].home / "plain-dbt"
    dbt = Dbt(ROOT, main_job.warehouses[target].environment, folder)
    done = dbt.succeeds(*command)
    if command[0] == "docs":
        assert '.daily_performance"' in (dbt.target_path / "catalog.json").read_text("utf-8")
    else:
        assert len(done.statuses) > 10
        assert set(done.statuses.values()) <= {"pass", "success", "warn"}


def text_cells(warehouse: Warehouse, schema: str) -> set[str]:
    """Every text in any row of a schema's tables and views."""
    columns = warehouse.rows(
        "select table_name, column_name from information_schema.columns"
        f" where table_schema = '{schema}'"
        " and data_type in ('VARCHAR', 'JSON', 'text', 'json', 'jsonb', 'character varying')"
    )
    assert columns, f"{schema} has texts"
    cells = " union ".join(
        f'select cast("{column}" as text) from {schema}."{table}"' for table, column in columns
    )
    return {text for (text,) in warehouse.rows(cells) if text is not None}


@pytest.mark.parametrize("schema", ["marts", "intermediate", "staging"])
def test_no_person_of_the_simulated_agency_stands_in_any_model(
    main_job: MainJob, schema: str
) -> None:
    found = sorted(
        text for text in text_cells(main_job.warehouses["duckdb"], schema) if PERSON.search(text)
    )
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["buyer12@example.org", "García", 'Lee "Bud"', "02025550142", "203.0.113.7", "12 Oak St",
     "4111XXXXXXXX0042", "4111111111111111", '{"name": "Ann O\'Neil"}'],
)  # fmt: skip
def test_a_person_would_be_seen(text: str) -> None:
    assert PERSON.search(text)
