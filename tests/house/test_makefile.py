"""`make` lists its targets, and they all work."""

from __future__ import annotations

import re

import pytest

from tests.support.makefile import targets
from tests.support.processes import ROOT, run

USERS_KNOW = {
    *("install-dev", "run", "test", "test-quick", "test-file", "lint", "format", "typecheck"),
    *("ci", "dev", "up", "down", "logs"),
}


def test_make_alone_lists_every_target_in_one_line() -> None:
    groups = run(["make"], {}).stdout.strip().split("\n\n")
    assert len(groups) >= 6, "one long list has no beginning"
    listed = [line for group in groups for line in group.splitlines()[1:]]
    assert [line.split()[1] for line in listed] == list(targets())
    assert set(targets()) >= USERS_KNOW
    for line in listed:
        assert re.fullmatch(r"  make \S+ +\S.+", line)
        assert len(line) <= 80, "wraps on a terminal of 80 columns"


def test_no_target_hides_behind_a_file_of_its_name() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.M)
    assert phony is not None
    assert set(phony[1].split()) == set(targets())


@pytest.mark.parametrize("target", sorted(targets()))
def test_every_target_can_be_planned(target: str) -> None:
    planned = run(["make", "--dry-run", target, "FILE=tests"], {})
    assert planned.returncode == 0, planned.stderr


def test_test_file_without_a_file_says_what_it_needs() -> None:
    asked = run(["make", "test-file"], {})
    assert asked.returncode == 2
    assert "make test-file FILE=" in asked.stdout


def test_lint_is_part_of_test_and_ends_with_pytest() -> None:
    planned = run(["make", "--dry-run", "test"], {}).stdout
    # -W: as if its rules had changed, because clean SQL is not linted again
    checked = run(["make", "--dry-run", "-W", ".sqlfluff", "lint-sql"], {}).stdout
    assert "lint-sql" in planned
    steps = ["mypy", "ruff check", "ruff format --check", "lint-imports"]
    steps += ["dbt --quiet --warn-error parse", "transform.client_files"]
    steps += ["tests.house.words", "tests.house.dead_code", "tests.house.keys"]
    assert [step for step in steps if step not in planned] == []
    assert ["tests.house.lint_sql" in checked, "sqlfluff lint" in checked] == [True, True]
    assert "bin/pytest" in planned.strip().splitlines()[-1]


def test_ci_runs_what_people_run() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.strip().splitlines()[-1] == "make test"
    assert "set -euo pipefail" in script
