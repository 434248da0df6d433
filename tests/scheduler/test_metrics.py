"""Metrics: correct sums, a bounded set of labels, stable names."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler.status.metrics import exposition
from signalroom import counters
from tests.scheduler import story
from tests.support.warehouse import Warehouse

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
Value = Callable[..., float]


@pytest.fixture(scope="module")
def text(module_warehouse: Warehouse) -> str:
    with pytest.MonkeyPatch.context() as patch:
        module_warehouse.activate(patch)
        patch.setenv("SIGNALROOM_NOW", story.NOW)
        story.tell(module_warehouse)
        for _ in range(2):
            counters.add("vendor_requests", {("redtrack", "713", "429"): 2})
        counters.add("rate_limit_wait_ms", {("redtrack", "713", ""): 1500})
        kind, text = exposition()
    assert kind.startswith("text/plain; version=")
    return text


@pytest.fixture
def value(text: str) -> Value:
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]

    def one(name: str, **labels: str) -> float:
        found = [
            sample.value
            for sample in samples
            if sample.name == f"signalroom_{name}" and sample.labels == labels
        ]
        assert len(found) == 1, f"{name} {labels}: {found}"
        return found[0]

    return one


def test_a_scraper_gets_the_format_it_asks_for(
    module_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus asks for OpenMetrics first; curl states no preference."""
    module_warehouse.activate(monkeypatch)
    kind, text = exposition("application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    kind, text = exposition("*/*")
    assert kind.startswith("text/plain; version=")
    assert "# EOF" not in text


@pytest.mark.parametrize("name", ["application/openmetrics-text", "text/plain"])
def test_an_accept_header_with_an_odd_version_gets_metrics_all_the_same(
    module_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module_warehouse.activate(monkeypatch)
    kind, text = exposition(f"{name};version=x.y.z, */*")
    assert kind.startswith("text/plain; version=0.0.4")
    assert "signalroom_readable" in text


def test_runs_and_steps_are_counted_and_timed(value: Value) -> None:
    assert value("runs_total", job="hourly", status="done") == 1
    assert value("runs_total", job="hourly", status="running") == 1
    assert value("runs_total", job="restatement", status="skipped") == 1
    labels = {"job": "hourly", "status": "done"}
    assert value("run_duration_seconds_count", **labels) == 1
    assert value("run_duration_seconds_sum", **labels) == pytest.approx(60, abs=0.01)
    everflow = {"step": "ingest:everflow", "status": "done"}
    assert value("steps_total", **everflow) == 3
    assert value("step_duration_seconds_sum", **everflow) == pytest.approx(54, abs=0.01)
    assert value("step_retries_total", step="ingest:redtrack") == 2 + 1 + 4
    assert value("step_retries_total", step="dbt") == 0
    assert value("rows_total", step="ingest:everflow") == 1523 + 7 + 12
    assert value("runs_open") == 2
    assert value("runs_overdue") == 0


def test_what_is_late_and_what_waits_is_there(value: Value) -> None:
    assert value("source_age_seconds", client="713", source="everflow") == 38 * 60
    assert value("source_late", client="713", source="everflow") == 0
    assert value("source_late", client="713", source="redtrack") == 1
    assert value("dead_letters", client="713", source="s3_exports") == 3
    assert value("incidents_open", severity="critical") == 1
    assert value("incidents_open", severity="warning") == 0
    assert value("deliveries", channel="slack", status="sent") == 2
    assert value("deliveries", channel="sms", status="dead") == 1
    assert value("scheduler_alive") == 1
    assert value("readable") == 1
    ten = 1_795_100_400  # 2026-11-19 10:00 in New York
    assert value("job_next_timestamp_seconds", job="hourly") == ten


def test_requests_of_an_earlier_process_are_forgotten(value: Value) -> None:
    assert value("vendor_requests_total", source="redtrack", client="713", status="429") == 4
    assert value("rate_limit_wait_seconds_total", source="redtrack", client="713") == 1.5
    assert value("alerts_open", kind="step_failed") == 1
    assert value("alerts_open", kind="anomaly") == 0
    assert value("anomalies_open", rule="cpa") == 0


def test_newest_build_is_not_there_by_state_and_time(value: Value) -> None:
    states = {"models": 81, "tests": 109, "skipped": 0, "warned": 1, "failed": 0}
    for state, nodes in states.items():
        assert value("dbt_nodes", state=state) == nodes
    assert value("dbt_seconds") == 9.5
    assert value("dbt_node_seconds", kind="model") == 5.25
    assert value("dbt_last_end_timestamp_seconds") == pytest.approx(time.time() - 2382, abs=60)


def test_a_rule_or_a_panel_asks_for_a_metric_that_is_none(text: str) -> None:
    known = {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }
    for name in ("alerts.yml", "alerts_test.yml", "grafana.json"):
        asked = set(re.findall(r"signalroom_[a-z_]+", (MONITORING / name).read_text()))
        assert asked, name
        assert asked <= known, name


@pytest.mark.deep
def test_rules_of_alerts_fire_when_they_should_not(tmp_path: Path) -> None:
    """With the promtool of Debian's package prometheus, which `make test-deep` installs."""
    promtool = shutil.which("promtool") or str(Path(".tools", "promtool").resolve())
    assert Path(promtool).exists(), "make .tools/promtool"
    for arguments in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run(
            [promtool, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "alerts.yml"
    broken.write_text((MONITORING / "alerts.yml").read_text().replace("> 300", "> 30000"))
    shutil.copy(MONITORING / "alerts_test.yml", tmp_path)
    broke = subprocess.run(
        [promtool, "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True,
        check=False,
    )  # fmt: skip
    assert broke.returncode != 0, "the rules' own test would not notice"


def test_labels_hold_names_and_no_data(text: str) -> None:
    assert story.SECRET not in text
    assert "script" not in text
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            assert set(sample.labels) <= {
                "job", "step", "status", "client", "source", "channel", "severity", "kind", "state",
                "rule",
            }  # fmt: skip


def test_an_empty_warehouse_has_metrics(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.activate(monkeypatch)
    _, text = exposition()
    assert "signalroom_readable 1.0" in text
    assert "signalroom_scheduler_alive 0.0" in text
    assert "signalroom_runs_total{" not in text
