"""What goes wrong after the first run: a second one that changes something, dbt that needs help."""

from __future__ import annotations

import pytest

from tests.main_job.conftest import MainJob
from tests.main_job.test_truth import INSTANTS, MARTS, RAW, TARGETS, rows_of
from tests.support.processes import dbt, signalroom_cli
from tests.support.warehouse import Target

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("target", TARGETS)
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


@pytest.mark.parametrize("command", [("source", "freshness"), ("test",), ("docs", "generate")])
@pytest.mark.parametrize("target", TARGETS)
def test_plain_dbt_works_on_what_the_run_left(
    main_job: MainJob, target: Target, command: tuple[str, ...]
) -> None:
    env = main_job.warehouses[target].environment
    folder = main_job.warehouses[target].home / "plain-dbt"
    said = dbt(*command, "--target-path", str(folder), "--log-path", str(folder), env=env)
    assert said.returncode == 0, said.stdout + said.stderr
